package docker

import "time"

// Spec is what a container is made of.
type Spec struct {
	Name                 string
	Image                string
	Entrypoint, Cmd, Env []string // nil keeps the image's
	WorkingDir, User     string
	Labels               map[string]string
	Ports                []Port
	Mounts               []Mount
	// Network is the first network; others follow by Connect. Empty is the
	// engine's default, "none" is loopback only.
	Network         string
	MemoryBytes     int64 // 0 is no limit; swap is not allowed beyond it
	NanoCPUs        int64 // billionths of a CPU; 0 is no limit
	ReadOnlyRootfs  bool
	CapAdd, CapDrop []string
	NoNewPrivileges bool
	Health          *HealthTest
}

// Port exposes a port, and publishes it when HostPort is not 0.
type Port struct {
	Container, Host int
	HostIP          string
	Protocol        string // tcp, udp
}

// Mount is a bind, volume or tmpfs mount.
type Mount struct {
	Type           string // bind, volume, tmpfs
	Source, Target string
	ReadOnly       bool
	SizeBytes      int64 // of a tmpfs; 0 is the engine's default
}

// HealthTest is a health check run by the engine; zero values are the engine's defaults.
type HealthTest struct {
	Command                        []string
	Interval, Timeout, StartPeriod time.Duration
	Retries                        int
}
