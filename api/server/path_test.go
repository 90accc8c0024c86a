package server

import "testing"

func TestPathsNameWhatTheySay(t *testing.T) {
	for path, want := range map[string]target{
		"/api/v1":                                          {version: "v1"},
		"/api/v1/namespaces":                               {version: "v1", resource: "namespaces"},
		"/api/v1/namespaces/":                              {version: "v1", resource: "namespaces"},
		"/api/v1/namespaces/a":                             {version: "v1", resource: "namespaces", name: "a"},
		"/api/v1/namespaces/a/status":                      {version: "v1", resource: "namespaces", name: "a", subresource: "status"},
		"/api/v1/namespaces/a/secrets":                     {version: "v1", namespace: "a", resource: "secrets"},
		"/api/v1/namespaces/a/secrets/b":                   {version: "v1", namespace: "a", resource: "secrets", name: "b"},
		"/apis/g/v1":                                       {group: "g", version: "v1"},
		"/apis/g/v1/runs":                                  {group: "g", version: "v1", resource: "runs"},
		"/apis/g/v1/hosts/h/log":                           {group: "g", version: "v1", resource: "hosts", name: "h", subresource: "log"},
		"/apis/g/v1/namespaces/n/runs/r":                   {group: "g", version: "v1", namespace: "n", resource: "runs", name: "r"},
		"/apis/g/v1/namespaces/n/runs/r/artifacts/x/y.txt": {group: "g", version: "v1", namespace: "n", resource: "runs", name: "r", subresource: "artifacts", rest: "x/y.txt"},
	} {
		if got, ok := parsePath(path); !ok || got != want {
			t.Errorf("%s: got %+v, %v", path, got, ok)
		}
	}
	for _, path := range []string{"", "/", "/api", "/apis/g", "/other/v1", "/api/v1/secrets//x", "/api/v1//x"} {
		if got, ok := parsePath(path); ok {
			t.Errorf("%s: got %+v, want none", path, got)
		}
	}
}

func TestAcceptHeaders(t *testing.T) {
	const table = "application/json;as=Table;v=v1;g=meta.k8s.io"
	for _, c := range []struct {
		header string
		list   bool
		want   form
		ok     bool
	}{
		{"", true, form{media: mediaJSON}, true},
		{"*/*", false, form{media: mediaJSON}, true},
		{"text/html,application/xhtml+xml,*/*;q=0.8", true, form{media: mediaJSON}, true},
		{"application/vnd.kubernetes.protobuf,application/json", true, form{media: mediaJSON}, true},
		{"application/vnd.kubernetes.protobuf, */*", true, form{media: mediaJSON}, true},
		{"application/vnd.kubernetes.protobuf", true, form{}, false},
		{"application/yaml", false, form{media: mediaYAML}, true},
		{"application/json;q=0.5,application/yaml", false, form{media: mediaYAML}, true},
		{"application/json;q=0", false, form{}, false},
		{table + ",application/json", true, form{media: mediaJSON, as: asTable, version: "v1"}, true},
		{"application/json;as=Table;v=v2;g=meta.k8s.io,application/json", true, form{media: mediaJSON}, true},
		{"application/json;as=Table;v=v1;g=other", true, form{}, false},
		{"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", true, form{media: mediaJSON, as: asPartialList, version: "v1"}, true},
		{"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", false, form{}, false},
		{"text/event-stream", true, form{media: mediaEvents}, true},
		{"text/event-stream", false, form{}, false},
		{"text/plain", true, form{}, false},
		{";;;", true, form{}, false},
	} {
		got, err := negotiate(c.header, c.list)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q: got %+v, %v", c.header, got, err)
		}
	}
}
