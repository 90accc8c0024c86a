package v1

import (
	"github.com/powernode/powernode/api"
)

// DockerHostSpec is a Docker engine that instances may run on.
type DockerHostSpec struct {
	Endpoint            string   `json:"endpoint"`              // unix:///path or tcp://host:port
	TLS                 *HostTLS `json:"tls,omitempty"`         // for tcp:// only
	Environment         string   `json:"environment,omitempty"` // staging, production, development (default), custom
	AutoSync            *bool    `json:"autoSync,omitempty"`    // true: facts are read again every interval
	SyncIntervalSeconds int      `json:"syncIntervalSeconds,omitempty"`
	Maintenance         bool     `json:"maintenance,omitempty"` // no new work is placed here; what runs stays
	APIVersion          string   `json:"apiVersion,omitempty"`  // negotiated when empty
}

// HostTLS is how a connection over TCP is secured.
type HostTLS struct {
	// SecretRef names a Secret with the keys ca.crt, tls.crt and tls.key; each may be missing.
	SecretRef *LocalRef `json:"secretRef,omitempty"`
	Verify    *bool     `json:"verify,omitempty"` // true: the engine's certificate is checked
}

// The phases of a host.
const (
	HostPending      = "pending"
	HostConnected    = "connected"
	HostDisconnected = "disconnected"
	HostError        = "error"
	HostMaintenance  = "maintenance"
)

// DockerHostStatus is what the engine said when it was last asked. Only what
// changes the answer to "what is this host" is kept: no clock, no load.
type DockerHostStatus struct {
	api.CommonStatus `json:",inline"`
	Phase            string      `json:"phase,omitempty"` // pending, connected, disconnected, error, maintenance
	EngineVersion    string      `json:"engineVersion,omitempty"`
	APIVersion       string      `json:"apiVersion,omitempty"` // spoken with the engine
	OS               string      `json:"os,omitempty"`
	Architecture     string      `json:"architecture,omitempty"`
	Kernel           string      `json:"kernel,omitempty"`
	CPUs             int         `json:"cpus,omitempty"`
	MemoryBytes      int64       `json:"memoryBytes,omitempty"`
	Containers       *HostCounts `json:"containers,omitempty"`
	Images           *HostImages `json:"images,omitempty"`
	Volumes          *int        `json:"volumes,omitempty"`
	Networks         *int        `json:"networks,omitempty"`
	LastError        string      `json:"lastError,omitempty"` // why the host was lost; empty while it is connected
}

// HostCounts counts containers by state.
type HostCounts struct {
	Running int `json:"running"`
	Stopped int `json:"stopped"`
	Paused  int `json:"paused"`
}

// HostImages counts images; dangling ones carry no tag.
type HostImages struct {
	Total    int `json:"total"`
	Dangling int `json:"dangling"`
}
