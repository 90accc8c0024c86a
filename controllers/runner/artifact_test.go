package runner_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	protocol "github.com/powernode/powernode/api/runner"
)

func TestArtifactsTravelBetweenSteps(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	results := w.succeed(
		w.script("build", "mkdir -p dist/deep/er other; echo 1 > dist/a.txt; echo 2 > dist/deep/er/b.txt; echo 3 > dist/c.log; echo 4 > other/d.txt; chmod 755 dist/a.txt; ln -s a.txt dist/link"),
		w.step("up", "upload_artifact", with{"name": "texts", "path": []string{"dist/**/*.txt", "dist/link", "other", "!other/*.log"}}),
		w.step("up-again", "upload_artifact", with{"name": "same", "path": "dist/**/*.txt\ndist/link\nother"}),
		w.script("clean", "rm -r dist other"),
		w.step("down", "download_artifact", with{"name": "texts", "path": "got/it"}),
		w.script("look", "cd got/it; cat dist/a.txt dist/deep/er/b.txt other/d.txt dist/link; test ! -e dist/c.log; test -x dist/a.txt; readlink dist/link"),
		w.step("all", "download_artifact", with{"path": "everything"}),
		w.script("look-all", "cat everything/texts/dist/a.txt everything/same/other/d.txt"),
	)
	if got := w.log(w.script("look", "")); got != "1\n2\n4\n1\na.txt\n" {
		t.Errorf("log: %q", got)
	}
	up := results[1]
	if len(up.Artifacts) != 1 || up.Artifacts[0].Name != "texts" || up.Artifacts[0].Step != "up" || up.Artifacts[0].Files != 4 || up.Outputs["files_uploaded"] != "4" {
		t.Errorf("result: %+v", up)
	}
	if a, b := up.Artifacts[0].SHA256, results[2].Artifacts[0].SHA256; a != b {
		t.Errorf("the same content is %s and %s", a, b)
	}
}

func TestArtifactsThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	for name, c := range map[string]struct {
		step            protocol.Step
		conclusion      protocol.Conclusion
		reason, message string
	}{
		"nothing":  {w.step("u1", "upload_artifact", with{"path": "dist/*"}), protocol.Failure, "NoSuchPath", "nothing in the workspace matches dist/*"},
		"ignore":   {w.step("u2", "upload_artifact", with{"path": "dist/*", "ifNoFilesFound": "ignore"}), protocol.Success, "", ""},
		"warn":     {w.step("u3", "upload_artifact", with{"path": "dist/*", "ifNoFilesFound": "warn"}), protocol.Success, "", ""},
		"outside":  {w.step("u4", "upload_artifact", with{"path": "../../*"}), protocol.Failure, "InvalidStep", `"../../*" leads out of the workspace`},
		"pattern":  {w.step("u5", "upload_artifact", with{"path": "a[b"}), protocol.Failure, "InvalidStep", `"a[b" is not a pattern`},
		"unknown":  {w.step("d1", "download_artifact", with{"name": "x"}), protocol.Failure, "NoSuchArtifact", "no step before this one uploaded an artifact x"},
		"gone":     {w.step("d2", "download_artifact", with{"name": "x"}, having("x", strings.Repeat("0", 64))), protocol.Failure, "NoSuchArtifact", "is no longer kept"},
		"up there": {w.step("d3", "download_artifact", with{"name": "x", "path": "../x"}, having("x", strings.Repeat("0", 64))), protocol.Failure, "NoSuchPath", "leads out of the workspace"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.do(c.step)
			if r.Conclusion != c.conclusion || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
				t.Errorf("result: %+v", r)
			}
			if name == "warn" && !strings.Contains(w.log(c.step), "Warning: nothing in the workspace") {
				t.Errorf("log: %q", w.log(c.step))
			}
		})
	}
}

func having(name, digest string) func(*protocol.Step) {
	return func(s *protocol.Step) {
		s.Artifacts = append(s.Artifacts, protocol.Artifact{Name: name, Blob: protocol.Blob{SHA256: digest}})
	}
}

func TestNoArtifactGetsOutOfTheWorkspace(t *testing.T) {
	w := newWorld(t)
	state := t.TempDir()
	w.agent("a", inDir(state))
	outside := t.TempDir()
	file := func(name string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 5}
	}
	link := func(name, to string) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
	}
	for name, entries := range map[string][]*tar.Header{
		"dots":             {file("../../../../owned")},
		"absolute":         {file(outside + "/owned")},
		"hidden-dots":      {file("a/../../owned")},
		"link-then-file":   {link("way", outside), file("way/owned")},
		"link-to-parent":   {link("way", "../.."), file("way/owned")},
		"chained-links":    {link("a", "."), link("a/b", ".."), file("a/b/owned")},
		"link-as-file":     {link("owned", outside+"/owned"), file("owned")},
		"hard-link":        {{Typeflag: tar.TypeLink, Name: "hard", Linkname: "/etc/passwd"}},
		"device":           {{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}},
		"link-in-the-way":  {file("way/owned")},
		"link-is-the-path": {file("owned")},
	} {
		t.Run(name, func(t *testing.T) {
			digest := w.archive(entries)
			path := "in"
			w.succeed(w.script("set-up-"+name, "rm -rf in there; mkdir in; ln -s "+outside+" in/way; ln -s "+outside+" there"))
			if name == "link-is-the-path" {
				path = "there"
			} else if name != "link-in-the-way" {
				w.succeed(w.script("clear-"+name, "rm in/way"))
			}
			r := w.do(w.step("down-"+name, "download_artifact", with{"name": "evil", "path": path}, having("evil", digest)))
			if r.Conclusion != protocol.Failure {
				t.Errorf("result: %+v", r)
			}
			if found, err := os.ReadDir(outside); err != nil || len(found) > 0 {
				t.Errorf("written outside: %v %v", found, err)
			}
			for dir := filepath.Join(state, "workspaces", w.run); len(dir) >= len(state); dir = filepath.Dir(dir) {
				if _, err := os.Lstat(filepath.Join(dir, "owned")); err == nil {
					t.Errorf("written to %s", dir)
				}
			}
		})
	}
}

// archive stores a tar.gz as a blob of the run.
func (w *world) archive(entries []*tar.Header) (digest string) {
	w.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for _, header := range entries {
		if err := archive.WriteHeader(header); err != nil {
			w.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := archive.Write([]byte("owned")); err != nil {
				w.Fatal(err)
			}
		}
	}
	if err := archive.Close(); err != nil {
		w.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		w.Fatal(err)
	}
	digest, _, err := w.blobs.Put(w.Context(), w.run, &b)
	if err != nil {
		w.Fatal(err)
	}
	return digest
}
