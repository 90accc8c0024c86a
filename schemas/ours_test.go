package schemas_test

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/powernode/powernode/api/v1"
)

// What a person reads who gets a manifest of one of our kinds wrong.
func TestMistakesInOurKinds(t *testing.T) {
	for rule, test := range map[string]struct {
		kind, doc string
		want      []string
	}{
		"no spec": {v1.Pipeline, "{}", []string{"spec: Required value"}},
		"a pipeline with a little of everything": {v1.Pipeline, `
metadata: {name: build, lables: {a: b}}
spec:
  timeoutMinutes: 1000
  concurrency: {policy: Wait}
  steps:
    - {name: one, type: custom, wiht: {run: make}}
    - {name: two, timeoutMinutes: soon}`,
			[]string{
				`unknown field "metadata.lables"`,
				`unknown field "spec.steps[0].wiht"`,
				`spec.concurrency.policy: Unsupported value: "Wait": supported values: "Queue", "Allow", "Forbid", "Replace"`,
				`spec.steps[1].type: Required value`,
				`spec.steps[1].timeoutMinutes: Invalid value: "soon": must be of type integer, not string`,
				`spec.timeoutMinutes: Invalid value: 1000: must be from 1 to 360`,
			}},
		"no steps":            {v1.Pipeline, "{spec: {steps: []}}", []string{"spec.steps: Too few: 0: must have at least 1 item"}},
		"a typed label":       {v1.Pipeline, "{metadata: {labels: {a: 1}}, spec: {steps: [{name: a, type: custom}]}}", []string{"metadata.labels[a]: Invalid value: 1: must be of type string, not integer"}},
		"an empty image":      {v1.ContainerInstance, `{spec: {hostRef: {name: local}, image: ""}}`, []string{`spec.image: Invalid value: "": must be at least 1 character long`}},
		"no host to speak of": {v1.ContainerInstance, "{spec: {image: a}}", []string{"spec.hostRef: Required value"}},
	} {
		t.Run(rule, func(t *testing.T) {
			k := builtin(t, test.kind)
			doc := document(t, k, test.doc)
			got := k.Prune(doc)
			k.Default(doc)
			got = append(got, messages(k.Validate(doc, nil))...)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}

// Rules between fields of one object are rules of its schema.
func TestRulesOfOurKinds(t *testing.T) {
	const instance, pipeline = "{spec: {hostRef: {name: h}, image: a, ", "{spec: {steps: [{name: a, type: custom}], "
	for rule, test := range map[string]struct {
		kind, old, doc string
		want           []string
	}{
		"a Job that restarts":  {v1.ContainerInstance, "", instance + "restartPolicy: Always}}", []string{"spec.restartPolicy: Forbidden: is for run: Service; a Job tries again by spec.backoffLimit"}},
		"a Job that does not":  {v1.ContainerInstance, "", instance + "restartPolicy: Never, backoffLimit: 3, ttlSecondsAfterFinished: 0}}", nil},
		"a Service with tries": {v1.ContainerInstance, "", instance + "run: Service, backoffLimit: 1}}", []string{"spec.backoffLimit: Forbidden: is for run: Job; a Service restarts by spec.restartPolicy"}},
		"a Service with a TTL": {v1.ContainerInstance, "", instance + "run: Service, ttlSecondsAfterFinished: 0}}", []string{"spec.ttlSecondsAfterFinished: Forbidden: is for run: Job"}},
		"a Service":            {v1.ContainerInstance, "", instance + "run: Service, restartPolicy: OnFailure}}", nil},
		"mounts":               {v1.ContainerInstance, "", instance + "mounts: [{type: volume, source: v, target: /v}, {type: tmpfs, target: /t, sizeMB: 3}, {type: bind, source: /v, target: /b}]}}", nil},
		"odd mounts": {v1.ContainerInstance, "", instance + "mounts: [{type: tmpfs, source: v, target: /v}, {type: bind, target: /v}, {type: bind, source: v, target: /v}, {type: volume, source: v, target: /v, sizeMB: 1}]}}", []string{
			"spec.mounts[0].source: Forbidden: a tmpfs has none",
			"spec.mounts[1].source: Required value: the path (bind) or the name (volume) of what is mounted",
			"spec.mounts[2].source: Invalid value: must be an absolute path of the host",
			"spec.mounts[3].sizeMB: Forbidden: is for type: tmpfs"}},
		"ports and networks without network": {v1.ContainerInstance, "", instance + "security: {networkAccess: false}, networks: [a], ports: [{containerPort: 1, hostPort: 1}]}}", []string{
			"spec.networks: Forbidden: spec.security.networkAccess is false",
			"spec.ports: Forbidden: no port can have a hostPort while spec.security.networkAccess is false"}},
		"an address without port": {v1.ContainerInstance, "", instance + `ports: [{containerPort: 1, hostIP: "::1"}]}}`, []string{"spec.ports[0].hostPort: Required value: hostIP is where a port is published"}},
		"quantities":              {v1.ContainerInstance, "", instance + `resources: {memory: 1Gi, cpu: "1.5"}}}`, nil},
		"limits twice": {v1.ContainerInstance, "", instance + `resources: {memory: 1Gi, memoryMB: 1024, cpu: "1", cpuMillicores: 1000}}}`, []string{
			"spec.resources.memory: Forbidden: memoryMB says it already", "spec.resources.cpu: Forbidden: cpuMillicores says it already"}},
		"wrong limits": {v1.ContainerInstance, "", instance + `resources: {memory: 1Mi, cpu: "5"}}}`, []string{
			`spec.resources.cpu: Invalid value: "5": must be from 100m to 4`, `spec.resources.memory: Invalid value: "1Mi": must be from 64Mi to 8192Mi`}},
		"no limit": {v1.ContainerInstance, "", instance + "resources: {memory: lots}}}", []string{`spec.resources.memory: Invalid value: "lots": must be a quantity such as 64Mi`}},
		"a variable's sources": {v1.ContainerInstance, "", instance + "env: [{name: A, value: x, valueFrom: {secretKeyRef: {name: a, key: b}}}, {name: B, valueFrom: {}}], envFrom: [{}]}}", []string{
			"spec.env[0].valueFrom: Forbidden: value says it already",
			"spec.env[1].valueFrom: Required value: exactly one of secretKeyRef, configMapKeyRef",
			"spec.envFrom[0]: Required value: exactly one of secretRef, configMapRef"}},

		"TLS over a socket": {v1.DockerHost, "", "{spec: {endpoint: unix:///d.sock, tls: {}}}", []string{"spec.tls: Forbidden: is for tcp:// endpoints"}},
		"TLS":               {v1.DockerHost, "", "{spec: {endpoint: 'tcp://h:2376', tls: {}}}", nil},

		"a choice of nothing":   {v1.Pipeline, "", pipeline + "triggers: {manual: {inputs: {a: {type: choice}, b: {options: [c]}, d: {type: choice, options: [e]}}}}}}", []string{"spec.triggers.manual.inputs[a].options: Invalid value: an input of type choice has options, others have none", "spec.triggers.manual.inputs[b].options: Invalid value: an input of type choice has options, others have none"}},
		"a pattern of a number": {v1.Pipeline, "", pipeline + "triggers: {manual: {inputs: {a: {type: number, pattern: x}}}}}}", []string{"spec.triggers.manual.inputs[a].pattern: Invalid value: only an input of type string has a pattern"}},
		"two sources":           {v1.Pipeline, "", pipeline + "env: [{name: A, valueFrom: {}}, {name: B, value: x, valueFrom: {configMapKeyRef: {name: a, key: b}}}]}}", []string{"spec.env[0].valueFrom: Invalid value: exactly one of secretKeyRef and configMapKeyRef must be given", "spec.env[1].valueFrom: Invalid value: a variable has a value or valueFrom, not both"}},
		"a step's two sources":  {v1.Pipeline, "", "{spec: {steps: [{name: a, type: custom, env: [{name: A, valueFrom: {}}]}]}}", []string{"spec.steps[0].env[0].valueFrom: Invalid value: exactly one of secretKeyRef and configMapKeyRef must be given"}},
		"a name that is long":   {v1.Pipeline, "", "{metadata: {name: " + strings.Repeat("x", 53) + "}, spec: {steps: [{name: a, type: custom}]}}", []string{"metadata.name: Too long: may not be more than 52 characters"}},

		"cancelling":        {v1.PipelineRun, "{spec: {pipelineRef: {name: p}}}", "{spec: {pipelineRef: {name: p}, cancel: true}}", nil},
		"taking it back":    {v1.PipelineRun, "{spec: {pipelineRef: {name: p}, cancel: true}}", "{spec: {pipelineRef: {name: p}}}", []string{"spec.cancel: Forbidden: a run that was cancelled stays so"}},
		"staying cancelled": {v1.PipelineRun, "{spec: {pipelineRef: {name: p}, cancel: true}}", "{spec: {pipelineRef: {name: p}, cancel: true}}", nil},
	} {
		t.Run(rule, func(t *testing.T) {
			k := builtin(t, test.kind)
			doc := document(t, k, test.doc)
			k.Default(doc)
			var old map[string]any
			if test.old != "" {
				old = document(t, k, test.old)
				k.Default(old)
			}
			got := messages(k.Validate(doc, old))
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}
