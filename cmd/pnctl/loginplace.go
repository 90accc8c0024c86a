package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/powernode/powernode/cmd/internal/private"
)

// path is the kubeconfig that is written: one that was named, else the user's own. Those that
// servers write are theirs, however they were named: a login there would be lost when the server starts.
func (o *loginOptions) path() string {
	for _, path := range o.named() {
		if !ofServer(path) {
			return path
		}
	}
	if own := o.session.config.Own.Paths; len(own) > 0 {
		return own[0]
	}
	return ""
}

// named are the kubeconfigs that somebody named, and that the next command will use.
func (o *loginOptions) named() []string {
	if *o.session.flags.KubeConfig != "" {
		return []string{*o.session.flags.KubeConfig}
	}
	if found := o.session.config.Found; found != nil && found.Named {
		return found.Paths
	}
	return nil
}

// tellUnused says what to do when the next command will not use the login.
func (o *loginOptions) tellUnused() {
	if named := o.named(); len(named) > 0 && named[0] != o.path() {
		fmt.Fprintf(o.session.ErrOut, "%s is the server's own and was left as it is. To use the login, name %s in its place\n", named[0], o.path())
	}
}

// directory is where tokens are kept.
func (o *loginOptions) directory() (string, error) {
	path, err := filepath.Abs(o.path())
	if err != nil || o.path() == "" {
		return "", errors.New("there is no place for a kubeconfig: name one by --kubeconfig")
	}
	dir := filepath.Join(filepath.Dir(path), "credentials")
	return dir, os.MkdirAll(dir, 0o700)
}

// keep writes the context, and makes it the current one.
func (o *loginOptions) keep(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo, namespace string) error {
	return changeConfig(o.path(), func(c *clientcmdapi.Config) {
		c.Clusters[o.name], c.AuthInfos[o.name] = cluster, user
		c.Contexts[o.name] = &clientcmdapi.Context{Cluster: o.name, AuthInfo: o.name, Namespace: namespace}
		c.CurrentContext = o.name
	})
}

func changeConfig(path string, change func(*clientcmdapi.Config)) error {
	config, err := clientcmd.LoadFromFile(path)
	if errors.Is(err, os.ErrNotExist) {
		config, err = clientcmdapi.NewConfig(), nil
	}
	if err != nil {
		return err
	}
	change(config)
	data, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return private.Write(path, data)
}
