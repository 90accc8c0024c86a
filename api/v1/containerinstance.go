package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// ContainerInstanceSpec is one container, wanted on one host.
type ContainerInstanceSpec struct {
	HostRef    LocalRef             `json:"hostRef"` // never changes
	Run        string               `json:"run,omitempty"`
	Image      string               `json:"image"`
	PullPolicy string               `json:"pullPolicy,omitempty"` // IfNotPresent (default), Always, Never
	Command    []string             `json:"command,omitempty"`    // the entrypoint
	Args       []string             `json:"args,omitempty"`
	Env        []EnvVar             `json:"env,omitempty"`
	EnvFrom    []EnvFrom            `json:"envFrom,omitempty"`
	WorkingDir string               `json:"workingDir,omitempty"`
	User       string               `json:"user,omitempty"`
	Ports      []ContainerPort      `json:"ports,omitempty"`
	Mounts     []Mount              `json:"mounts,omitempty"`
	Networks   []string             `json:"networks,omitempty"`
	Resources  ContainerResources   `json:"resources,omitempty"`
	Security   ContainerSecurity    `json:"security,omitempty"`
	Health     *ContainerHealthTest `json:"healthcheck,omitempty"`
	Labels     map[string]string    `json:"labels,omitempty"` // on the container, beside ours

	RestartPolicy           string `json:"restartPolicy,omitempty"`           // of a Service: Always (default), OnFailure, Never
	TimeoutSeconds          int    `json:"timeoutSeconds,omitempty"`          // of a Job, all attempts together: 3600, 1..86400
	BackoffLimit            int    `json:"backoffLimit,omitempty"`            // of a Job: attempts after the first
	TTLSecondsAfterFinished *int   `json:"ttlSecondsAfterFinished,omitempty"` // of a Job: then the object deletes itself
	StopGraceSeconds        *int   `json:"stopGraceSeconds,omitempty"`        // 10: between SIGTERM and SIGKILL
	Cancel                  bool   `json:"cancel,omitempty"`
	DeletionPolicy          string `json:"deletionPolicy,omitempty"` // Delete (default), Orphan
}

// What an instance is for.
const (
	RunJob     = "Job"     // runs once, to an end
	RunService = "Service" // stays up
)

// The pull policies, restart policies and deletion policies.
const (
	PullAlways       = "Always"
	PullIfNotPresent = "IfNotPresent"
	PullNever        = "Never"

	RestartAlways    = "Always"
	RestartOnFailure = "OnFailure"
	RestartNever     = "Never"

	DeletionDelete = "Delete"
	DeletionOrphan = "Orphan"
)

// EnvFrom adds every key of a Secret or ConfigMap as a variable: exactly one of the two.
type EnvFrom struct {
	Prefix       string       `json:"prefix,omitempty"`
	SecretRef    *OptionalRef `json:"secretRef,omitempty"`
	ConfigMapRef *OptionalRef `json:"configMapRef,omitempty"`
}

// OptionalRef names an object that may be missing when Optional is set.
type OptionalRef struct {
	Name     string `json:"name"`
	Optional bool   `json:"optional,omitempty"`
}

// ContainerPort publishes a port of the container.
type ContainerPort struct {
	Name          string `json:"name,omitempty"`
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort,omitempty"` // not published when 0
	HostIP        string `json:"hostIP,omitempty"`   // every address of the host when empty
	Protocol      string `json:"protocol,omitempty"` // TCP (default), UDP
}

// Mount puts something into the container's file system.
type Mount struct {
	Type     string `json:"type"`             // bind, volume, tmpfs
	Source   string `json:"source,omitempty"` // a path of the host, a volume's name; none for tmpfs
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly,omitempty"`
	SizeMB   int    `json:"sizeMB,omitempty"` // of a tmpfs
}

// ContainerResources bounds what the container may use. Each limit has one of its two spellings.
type ContainerResources struct {
	MemoryMB      int    `json:"memoryMB,omitempty"` // 64..8192; 512 when neither is given
	Memory        string `json:"memory,omitempty"`   // 512Mi
	CPUMillicores int    `json:"cpuMillicores,omitempty"`
	CPU           string `json:"cpu,omitempty"` // 500m
}

// ContainerSecurity is what the container may do.
type ContainerSecurity struct {
	ReadOnlyRootfs  bool     `json:"readOnlyRootfs,omitempty"`
	CapDrop         []string `json:"capDrop,omitempty"` // ["ALL"] by default
	CapAdd          []string `json:"capAdd,omitempty"`
	NoNewPrivileges *bool    `json:"noNewPrivileges,omitempty"` // true by default
	NetworkAccess   *bool    `json:"networkAccess,omitempty"`   // true by default; false: loopback only
	Privileged      bool     `json:"privileged,omitempty"`      // refused
}

// ContainerHealthTest is the engine's own health check.
type ContainerHealthTest struct {
	Command            []string `json:"command"` // run in the container; exit code 0 is healthy
	IntervalSeconds    int      `json:"intervalSeconds,omitempty"`
	TimeoutSeconds     int      `json:"timeoutSeconds,omitempty"`
	StartPeriodSeconds int      `json:"startPeriodSeconds,omitempty"`
	Retries            int      `json:"retries,omitempty"`
}

// The phases of an instance, which are those of its present execution.
const (
	InstancePending      = "pending"
	InstanceProvisioning = "provisioning"
	InstanceRunning      = "running"
	InstanceCompleted    = "completed"
	InstanceFailed       = "failed"
	InstanceCancelled    = "cancelled"
	InstanceTimeout      = "timeout"
)

// The conditions that a Job has beside those of every kind.
const (
	InstanceComplete = "Complete" // the present execution is completed
	InstanceFailure  = "Failed"   // the present execution failed, timed out or was cancelled
)

// ContainerInstanceStatus is the present execution, and those before it.
type ContainerInstanceStatus struct {
	api.CommonStatus `json:",inline"`
	Execution        `json:",inline"`
	Node             string       `json:"node,omitempty"` // the DockerHost
	ContainerID      string       `json:"containerId,omitempty"`
	Image            string       `json:"image,omitempty"`  // digest where the registry gave one, else the image's ID
	Health           string       `json:"health,omitempty"` // starting, healthy, unhealthy; of a container with a health check
	Queued           *metav1.Time `json:"queued,omitempty"`
	Provisioning     *metav1.Time `json:"provisioning,omitempty"`
	// RetryAt is when the container is started again after it ended.
	RetryAt *metav1.Time `json:"retryAt,omitempty"`
	// Restarts of a Service's container; ShortRuns counts the latest ones in a row
	// that ran for less than a minute, which is what the pause before the next grows with.
	Restarts    int          `json:"restarts"`
	ShortRuns   int          `json:"shortRuns,omitempty"`
	RestartedAt *metav1.Time `json:"restartedAt,omitempty"` // the latest restart or attempt
	Executions  []Execution  `json:"executions,omitempty"`  // earlier ones, newest first, at most 10
}

// Execution is one go at what the spec says: a Job's work, or the life of a
// Service's container under one spec.
type Execution struct {
	ExecutionID string       `json:"executionId,omitempty"` // counts from 1
	Phase       string       `json:"phase,omitempty"`
	SpecHash    string       `json:"specHash,omitempty"`
	Attempts    int          `json:"attempts,omitempty"` // of a Job
	Started     *metav1.Time `json:"started,omitempty"`
	Finished    *metav1.Time `json:"finished,omitempty"`
	ExitCode    *int         `json:"exitCode,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Message     string       `json:"message,omitempty"`
}
