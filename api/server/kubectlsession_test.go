package server_test

import "testing"

// row is a row of the tables of what kubectl asks a server for, and how a session goes through it.
type row struct {
	name string
	do   func(*kubectl)
	// lacks tells which clients can't: those refuse the command line, and say the words.
	lacks      func(tool) bool
	line, says string
	// once is for what no version does in its own way: the newest kubectl and pnctl go through it.
	once bool
}

// session is every row, in an order in which the later ones find what they need.
func session() []row {
	return []row{
		{name: "version, api-versions, api-resources", do: (*kubectl).discovers},
		{name: "explain", do: (*kubectl).explains},
		{name: "get --raw", do: (*kubectl).getsRaw},
		{name: "cluster-info", do: (*kubectl).looksForServices, lacks: isPnctl, line: "cluster-info", says: `pnctl has no command "cluster-info"`},
		{name: "get X, get X NAME", do: (*kubectl).getsTables},
		{name: "get -o, --server-print, --sort-by, --chunk-size, -A", do: (*kubectl).getsForms},
		{name: "get -l, --field-selector", do: (*kubectl).selects},
		{name: "get of what is not there", do: (*kubectl).misses},
		{name: "describe, events --for", do: (*kubectl).describes},
		{name: "get -w, --watch-only, -w NAME, events -w, wait", do: (*kubectl).follows},
		{name: "wait --for=create", do: (*kubectl).waitsForCreate, lacks: before(31), line: "wait --for=create wd/late --timeout=1s", says: "unrecognized condition"},
		{name: "delete: -l, --all, --now, --force, --dry-run, --ignore-not-found", do: (*kubectl).deletes},
		{name: "delete with finalizers, wait --for=delete", do: (*kubectl).deletesWhatIsHeld},
		{name: "delete --cascade", do: (*kubectl).cascades},

		{name: "create, apply, diff: a custom kind", do: writes(widgetSubject(), (*writing).clientSide)},
		{name: "apply, diff --server-side: a custom kind", do: writes(widgetSubject(), (*writing).serverSide)},
		{name: "replace, --force, edit: a custom kind", do: writes(widgetSubject(), (*writing).replaceAndEdit)},
		{name: "patch: a custom kind", do: writes(widgetSubject(), (*writing).patches)},
		{name: "label, annotate, --resource-version: a custom kind", do: writes(widgetSubject(), (*writing).labels)},
		{name: "create, apply, diff: a built-in kind", do: writes(configMapSubject(), (*writing).clientSide)},
		{name: "apply, diff --server-side: a built-in kind", do: writes(configMapSubject(), (*writing).serverSide)},
		{name: "replace, --force, edit: a built-in kind", do: writes(configMapSubject(), (*writing).replaceAndEdit)},
		{name: "patch: a built-in kind", do: writes(configMapSubject(), (*writing).patches)},
		{name: "label, annotate, --resource-version: a built-in kind", do: writes(configMapSubject(), (*writing).labels)},
		{name: "all that writes: a kind of ours", do: writes(pipelineSubject(), (*writing).everything), once: true},

		{name: "apply --prune -l --prune-allowlist", do: (*kubectl).prunes},
		{name: "scale, --current-replicas, --resource-version", do: (*kubectl).scales},
		{name: "get, patch, edit, replace --subresource", do: (*kubectl).writesSubresources},
		{name: "apply --subresource", do: (*kubectl).appliesToSubresources, lacks: before(32), line: "apply --server-side --subresource=status -f fleet.yaml", says: "unknown flag: --subresource"},
		{name: "field validation, and errors with their fields", do: (*kubectl).hearsWhatIsWrong},
		{name: "create ns, cm, secret, serviceaccount, token", do: (*kubectl).createsCoreKinds},
		{name: "auth whoami", do: (*kubectl).asksWhoItIs, lacks: before(28), line: "auth whoami", says: "authentication.k8s.io/v1alpha1 or authentication.k8s.io/v1beta1"},
		{name: "create role, rolebinding, auth can-i, --list, reconcile, --as", do: (*kubectl).asksForRights},
	}
}

// Every kubectl of this machine and pnctl go through the session, each with a server of its own.
func TestEveryClientCanDoEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real kubectl")
	}
	all := tools(t)
	for n, c := range all {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := startKubectl(t, withFleets(t), withPipelines(t))
			k.program = c.file
			k.collect()
			k.prepare()
			for _, row := range session() {
				if row.once && n < len(all)-2 {
					continue
				}
				if !t.Run(row.name, func(t *testing.T) { k.of(t).goThrough(c, row) }) {
					t.FailNow() // the later rows need what this one leaves
				}
			}
		})
	}
}

// of is k for a part of the test.
func (k *kubectl) of(t *testing.T) *kubectl {
	h := *k.harness
	h.TB = t
	return &kubectl{harness: &h, home: k.home, program: k.program}
}

func (k *kubectl) goThrough(c tool, row row) {
	k.Helper()
	if row.lacks != nil && row.lacks(c) {
		k.fails(args(row.line), row.says)
		return
	}
	row.do(k)
}
