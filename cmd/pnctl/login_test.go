package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/powernode/powernode/api/identity/identitytest"
)

// logIn is a person's login: the address that is printed is opened.
func logIn(t *testing.T, p *identitytest.Provider, o loginOptions) (*kept, error) {
	t.Helper()
	reader, writer := io.Pipe()
	go func() {
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			if !strings.HasPrefix(lines.Text(), "https://") {
				continue
			}
			forged, err := url.Parse(lines.Text())
			if err == nil {
				if res, err := http.Get(forged.Query().Get("redirect_uri") + "?code=stolen&state=guessed"); err != nil || res.StatusCode != http.StatusBadRequest {
					t.Errorf("a forged answer: %v %v", res, err)
				}
			}
			if err := p.Browse(lines.Text()); err != nil {
				t.Error(err)
			}
		}
	}()
	defer writer.Close()
	o.session = newSession(search{}, genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: writer})
	asked := provider{Issuer: p.URL, ClientID: p.ClientID, CAFile: p.CAFile(), Scopes: []string{"openid", "groups", "offline_access"}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return asked.login(ctx, &o)
}

func TestLoginByCodeAndItsRenewal(t *testing.T) {
	p := identitytest.Start(t, "pnctl")
	k, err := logIn(t, p, loginOptions{noBrowser: true})
	if err != nil || k.RefreshToken == "" || p.Seen().Logins != 1 || p.Seen().Scope != "openid offline_access" {
		t.Fatalf("got %v %v", k, err)
	}
	path := filepath.Join(t.TempDir(), "login.json")
	if err := k.write(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	ctx := context.Background()
	same, err := renewed(ctx, path, time.Now())
	if err != nil || same.IDToken != k.IDToken || p.Seen().Renewals != 0 {
		t.Errorf("renewed without need: %v, %d", err, p.Seen().Renewals)
	}
	late := time.Now().Add(time.Hour - renewBefore/2)
	next, err := renewed(ctx, path, late)
	if err != nil || next.IDToken == k.IDToken || next.RefreshToken == k.RefreshToken || p.Seen().Renewals != 1 {
		t.Fatalf("not renewed: %v", err)
	}
	if onDisk, err := readKept(path); err != nil || onDisk.RefreshToken != next.RefreshToken {
		t.Errorf("not kept: %v", err)
	}
	p.Change(func(m *identitytest.Manners) { m.Refuse = true })
	if _, err := renewed(ctx, path, late.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "invalid_grant): pnctl login") || strings.Contains(err.Error(), next.RefreshToken) {
		t.Errorf("got %v", err)
	}
}

// A refresh token is good once: of those who come at the same time one renews, and the others have what he got.
func TestALoginIsRenewedOnceForAll(t *testing.T) {
	p := identitytest.Start(t, "pnctl")
	k, err := logIn(t, p, loginOptions{noBrowser: true})
	if err != nil {
		t.Fatal(err)
	}
	k.Expires = time.Now()
	path := filepath.Join(t.TempDir(), "login.json")
	if err := k.write(path); err != nil {
		t.Fatal(err)
	}
	var together sync.WaitGroup
	for range 16 {
		together.Go(func() {
			if _, err := renewed(context.Background(), path, time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	if n := p.Seen().Renewals; n != 1 {
		t.Errorf("renewed %d times", n)
	}
}

func TestAnIDTokenOfAnotherLoginIsNotTaken(t *testing.T) {
	p := identitytest.Start(t, "pnctl")
	p.Change(func(m *identitytest.Manners) { m.ForeignNonce = true })
	if _, err := logIn(t, p, loginOptions{noBrowser: true}); err == nil || !strings.Contains(err.Error(), "belongs to another login") {
		t.Errorf("got %v", err)
	}
}

// A server writes its kubeconfig anew when it starts: a login is not put there, however it is named.
func TestALoginGoesToTheUsersOwn(t *testing.T) {
	dir := t.TempDir()
	admin, link, own := filepath.Join(dir, adminConfig), filepath.Join(dir, "config"), "/home/u/.config/powernode/config"
	if err := os.WriteFile(admin, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(admin, link); err != nil {
		t.Fatal(err)
	}
	for variable, want := range map[string]string{"": own, admin: own, link: own, "/mine": "/mine", admin + ":/mine": "/mine", "/mine:" + admin: "/mine"} {
		found := searchConfig(func(name string) string { return map[string]string{"KUBECONFIG": variable}[name] }, "/home/u", dir, fileExists)
		var told strings.Builder
		o := &loginOptions{session: newSession(found, genericiooptions.IOStreams{ErrOut: &told})}
		if got := o.path(); got != want {
			t.Errorf("KUBECONFIG=%s: %s, want %s", variable, got, want)
		}
		if o.tellUnused(); (told.Len() > 0) != (variable == admin || variable == link || variable == admin+":/mine") {
			t.Errorf("KUBECONFIG=%s: told %q", variable, told.String())
		}
		*o.session.flags.KubeConfig = admin
		if got := o.path(); got != own {
			t.Errorf("--kubeconfig: %s, want %s", got, own)
		}
	}
}

// A command that opens an address may stay as long as the browser does.
func TestABrowserMayStay(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$@\" > " + dir + "/opening && mv " + dir + "/opening " + dir + "/opened\n" +
		"for i in $(seq 600); do [ -e " + dir + "/opened ] || exit; sleep 0.1; done\n" // until the test has ended, a minute at most
	for _, name := range []string{"xdg-open", "open"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if _, err := logIn(t, identitytest.Start(t, "pnctl"), loginOptions{}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		opened, err := os.ReadFile(filepath.Join(dir, "opened"))
		if err == nil {
			if !strings.Contains(string(opened), "code_challenge=") || strings.Contains(string(opened), "verifier") {
				t.Errorf("opened %s", opened)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("no browser was opened")
		}
	}
}
