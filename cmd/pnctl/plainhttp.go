package main

import (
	"net"
	"net/url"
	"os"
	"strings"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// withToken adds the bearer token to a configuration for a server that speaks plain
// HTTP on this machine. client-go sends credentials over TLS only; on the
// loopback interface nobody listens in, and our server asks for the token there too.
func (s *session) withToken(c *rest.Config) {
	if c.BearerToken != "" || c.BearerTokenFile != "" || rest.IsConfigTransportTLS(*c) || !loopback(c.Host) {
		return
	}
	if c.BearerToken = *s.flags.BearerToken; c.BearerToken != "" {
		return
	}
	user := s.user()
	if user == nil {
		return
	}
	c.BearerToken = user.Token
	if raw, err := os.ReadFile(user.TokenFile); c.BearerToken == "" && user.TokenFile != "" && err == nil {
		c.BearerToken = strings.TrimSpace(string(raw))
	}
}

// user is the entry of the kubeconfig whose credentials are used; nil when there is none.
func (s *session) user() *clientcmdapi.AuthInfo {
	raw, err := s.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil
	}
	return raw.AuthInfos[s.userName(raw)]
}

func (s *session) userName(raw clientcmdapi.Config) string {
	if *s.flags.AuthInfoName != "" {
		return *s.flags.AuthInfoName
	}
	name := raw.CurrentContext
	if *s.flags.Context != "" {
		name = *s.flags.Context
	}
	if c := raw.Contexts[name]; c != nil {
		return c.AuthInfo
	}
	return ""
}

// loopback reports whether the address of a server is on this machine.
func loopback(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	name := u.Hostname()
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}
