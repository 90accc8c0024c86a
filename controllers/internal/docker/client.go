package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// How long a call may take. Pulls and the reading of logs are bounded by their size.
const (
	callTimeout = 15 * time.Second
	pullTimeout = 10 * time.Minute
)

// Client is an Engine over the wire.
type Client struct {
	endpoint string
	api      *client.Client // use it by sdk
	turn     chan struct{}  // held by who negotiates
	agreed   atomic.Bool
}

var _ Engine = (*Client)(nil)

// Dial makes a client of the engine at target. It does not connect: the first
// call does, and agrees on the version of the API.
func Dial(target Target) (*Client, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}
	if target.TLS != nil {
		config, err := target.TLS.config()
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", target.Endpoint, err)
		}
		transport.TLSClientConfig = config
	}
	opts := []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithHost(target.Endpoint),
		client.WithUserAgent("powernode"),
	}
	if target.APIVersion != "" {
		opts = append(opts, client.WithVersion(target.APIVersion))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", target.Endpoint, err)
	}
	return &Client{endpoint: target.Endpoint, api: api, turn: make(chan struct{}, 1)}, nil
}

// Close gives up idle connections.
func (c *Client) Close() error { return c.api.Close() }

// sdk is the client for a call, once it is agreed with the engine which version
// of the API to speak. The SDK would do that by itself, at the first call, but not
// safely when several calls are the first at once.
func (c *Client) sdk(ctx context.Context) (*client.Client, error) {
	if c.agreed.Load() {
		return c.api, nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.agreed.Load() {
		return c.api, nil
	}
	said, err := c.api.Ping(ctx)
	if err != nil {
		return nil, err
	}
	c.api.NegotiateAPIVersionPing(said)
	c.agreed.Store(true)
	return c.api, nil
}

func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !t.Verify}
	if len(t.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, fmt.Errorf("%s of the TLS secret holds no PEM certificate", SecretCA)
		}
	}
	if len(t.Cert) > 0 || len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Cert, t.Key)
		if err != nil { // the parser's words never hold the key
			return nil, fmt.Errorf("%s and %s of the TLS secret are not a key pair: %w", SecretCert, SecretKey, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Ping implements Engine.
func (c *Client) Ping(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sdk, err := c.sdk(call)
	if err == nil {
		_, err = sdk.Ping(call)
	}
	if err != nil {
		return wrap(ctx, err, "ping %s", c.endpoint)
	}
	if v := sdk.ClientVersion(); versions.LessThan(v, MinAPIVersion) {
		return fmt.Errorf("%s speaks Docker API %s: version %s (Docker 20.10) or later is needed", c.endpoint, v, MinAPIVersion)
	}
	return nil
}

// Info implements Engine.
func (c *Client) Info(ctx context.Context) (Info, error) {
	if err := c.Ping(ctx); err != nil {
		return Info{}, err
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sdk, err := c.sdk(call)
	if err != nil {
		return Info{}, wrap(ctx, err, "ask %s about itself", c.endpoint)
	}
	said, err := sdk.Info(call)
	if err != nil {
		return Info{}, wrap(ctx, err, "ask %s about itself", c.endpoint)
	}
	info := Info{
		EngineVersion: said.ServerVersion, APIVersion: sdk.ClientVersion(),
		OS: said.OSType, Architecture: said.Architecture, Kernel: said.KernelVersion,
		CPUs: said.NCPU, MemoryBytes: said.MemTotal,
		Running: said.ContainersRunning, Stopped: said.ContainersStopped, Paused: said.ContainersPaused,
	}
	return info, c.count(ctx, call, sdk, &info)
}

// count fills in how many images, volumes and networks there are.
func (c *Client) count(ctx, call context.Context, sdk *client.Client, info *Info) error {
	images, errImages := sdk.ImageList(call, image.ListOptions{})
	dangling, errDangling := sdk.ImageList(call, image.ListOptions{Filters: filters.NewArgs(filters.Arg("dangling", "true"))})
	volumes, errVolumes := sdk.VolumeList(call, volume.ListOptions{})
	networks, errNetworks := sdk.NetworkList(call, network.ListOptions{})
	if err := errors.Join(errImages, errDangling, errVolumes, errNetworks); err != nil {
		return wrap(ctx, err, "count what %s has", c.endpoint)
	}
	info.Images, info.DanglingImages = len(images), len(dangling)
	info.Volumes, info.Networks = len(volumes.Volumes), len(networks)
	return nil
}

// nameOf is the name of a container without the engine's slash.
func nameOf(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return strings.TrimPrefix(names[0], "/")
}
