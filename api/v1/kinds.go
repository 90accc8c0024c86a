// Package v1 holds the Go types of powernode.io/v1, one file a kind: its spec,
// as the owner writes it, and its status, as its controller does.
//
// The types follow the schemas in package schemas, which are what is served and
// validated; a test proves that the two agree field by field. The package
// holds no behaviour.
package v1

// The kinds of this version, qualified by their group (see api.Key).
const (
	DockerHost        = "DockerHost.powernode.io"
	ContainerInstance = "ContainerInstance.powernode.io"
	Pipeline          = "Pipeline.powernode.io"
	PipelineRun       = "PipelineRun.powernode.io"
	Token             = "Token.powernode.io"
)

// The kinds that every cluster has, whose types are those of k8s.io. The Event
// of events.k8s.io is another view of Event and is stored as that.
const (
	Namespace                = "Namespace"
	Secret                   = "Secret"
	ConfigMap                = "ConfigMap"
	Event                    = "Event"
	ServiceAccount           = "ServiceAccount"
	Lease                    = "Lease.coordination.k8s.io"
	Role                     = "Role.rbac.authorization.k8s.io"
	ClusterRole              = "ClusterRole.rbac.authorization.k8s.io"
	RoleBinding              = "RoleBinding.rbac.authorization.k8s.io"
	ClusterRoleBinding       = "ClusterRoleBinding.rbac.authorization.k8s.io"
	CustomResourceDefinition = "CustomResourceDefinition.apiextensions.k8s.io"
)

// Labels on everything that Powernode makes in the outside world. What does not
// carry our uid is never changed or removed.
const (
	LabelUID       = "powernode.io/uid"
	LabelKind      = "powernode.io/kind"
	LabelNamespace = "powernode.io/namespace"
	LabelName      = "powernode.io/name"
	LabelSpecHash  = "powernode.io/spec-hash"
)

// LocalRef names an object of a known kind in the same namespace.
type LocalRef struct {
	Name string `json:"name"`
}

// KeyRef names one key of a Secret or ConfigMap of the same namespace.
type KeyRef struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Optional bool   `json:"optional,omitempty"`
}

// EnvVar is one environment variable, with a value or a source of one.
type EnvVar struct {
	Name      string     `json:"name"`
	Value     string     `json:"value,omitempty"`
	ValueFrom *EnvSource `json:"valueFrom,omitempty"`
}

// EnvSource is where a variable's value comes from: exactly one of its fields.
type EnvSource struct {
	SecretKeyRef    *KeyRef `json:"secretKeyRef,omitempty"`
	ConfigMapKeyRef *KeyRef `json:"configMapKeyRef,omitempty"`
}
