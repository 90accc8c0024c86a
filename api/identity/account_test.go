package identity_test

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/identity"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// servers are two servers over one store, with one clock.
type servers struct {
	testing.TB
	objects *memory.Store
	a, b    *identity.Service
	clock   time.Time
}

func startServers(t testing.TB) *servers {
	s := &servers{TB: t, objects: &memory.Store{}, clock: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	now := func() time.Time { return s.clock }
	s.a = &identity.Service{Store: s.objects, Now: now}
	s.b = &identity.Service{Store: s.objects, Now: now}
	return s
}

func (s *servers) create(kind, name string) *api.Object {
	s.Helper()
	obj, err := s.objects.Create(context.Background(), &api.Object{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kind}, ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
	})
	if err != nil {
		s.Fatal(err)
	}
	return obj
}

func (s *servers) delete(obj *api.Object) {
	s.Helper()
	if _, err := s.objects.Delete(context.Background(), obj.Key(), store.Preconditions{}); err != nil {
		s.Fatal(err)
	}
}

func (s *servers) issue(by *identity.Service, want identity.AccountToken) (string, time.Time) {
	s.Helper()
	if want.Lifetime == 0 {
		want.Lifetime = time.Hour
	}
	token, expires, err := by.IssueAccountToken(context.Background(), want)
	if err != nil {
		s.Fatal(err)
	}
	return token, expires
}

// good checks on both servers whether a token lets somebody in.
func (s *servers) good(token string, want bool, why string) {
	s.Helper()
	for name, server := range map[string]*identity.Service{"a": s.a, "b": s.b} {
		user, ok, err := server.Authenticate(context.Background(), token)
		if err != nil || ok != want {
			s.Errorf("%s: server %s: got %v %v %v, want %v", why, name, user, ok, err, want)
		}
	}
}

func (s *servers) keys() (ids []string) {
	s.Helper()
	set, err := s.a.PublicKeys(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() {
			s.Fatal("a private key is shown")
		}
		ids = append(ids, k.KeyID)
	}
	return ids
}

func TestAnAccountsTokenIsTheAccount(t *testing.T) {
	s := startServers(t)
	account := s.create(v1.ServiceAccount, "robot")
	token, expires := s.issue(s.a, identity.AccountToken{Account: account})
	if want := s.clock.Add(time.Hour); !expires.Equal(want) {
		t.Errorf("ends %s, want %s", expires, want)
	}
	user, audiences, ok, err := s.b.AuthenticateFor(context.Background(), token, nil)
	if err != nil || !ok || user.Name != "system:serviceaccount:default:robot" || user.UID != string(account.UID) ||
		strings.Join(user.Groups, " ") != "system:serviceaccounts system:serviceaccounts:default" ||
		strings.Join(audiences, " ") != identity.DefaultIssuer || len(user.Extra["authentication.kubernetes.io/credential-id"]) != 1 {
		t.Errorf("got %+v %v %v %v", user, audiences, ok, err)
	}
	s.good(token[:len(token)-2]+"AA", false, "another signature")
	parts := strings.Split(token, ".")
	s.good(parts[0]+"."+parts[1]+".", false, "no signature")
	s.clock = expires.Add(-time.Second)
	s.good(token, true, "a second before its end")
	s.clock = expires
	s.good(token, false, "at its end, though it was seen before")
}

func TestAnAccountsTokenEndsWithTheAccount(t *testing.T) {
	s := startServers(t)
	account := s.create(v1.ServiceAccount, "robot")
	token, _ := s.issue(s.a, identity.AccountToken{Account: account})
	s.good(token, true, "the account is there")
	s.delete(account)
	s.good(token, false, "the account is gone")
	again := s.create(v1.ServiceAccount, "robot")
	s.good(token, false, "an account of the same name is another one")
	secret := s.create(v1.Secret, "bound")
	token, _ = s.issue(s.a, identity.AccountToken{Account: again, Secret: secret})
	s.good(token, true, "the secret is there")
	s.delete(secret)
	s.good(token, false, "the secret is gone")
	s.create(v1.Secret, "bound")
	s.good(token, false, "a secret of the same name is another one")
}

func TestATokenIsForItsAudiences(t *testing.T) {
	s := startServers(t)
	account := s.create(v1.ServiceAccount, "robot")
	token, _ := s.issue(s.a, identity.AccountToken{Account: account, Audiences: []string{"vault", "db"}})
	s.good(token, false, "it is not for this API")
	for _, c := range []struct {
		asked []string
		want  string
	}{{[]string{"vault"}, "vault"}, {[]string{"x", "db", "vault", "db"}, "db vault"}, {[]string{"x"}, ""}} {
		_, got, ok, err := s.b.AuthenticateFor(context.Background(), token, c.asked)
		if err != nil || ok != (c.want != "") || strings.Join(got, " ") != c.want {
			t.Errorf("for %v: got %v %v %v", c.asked, got, ok, err)
		}
	}
}

func TestAKeyVerifiesForADayAfterItWasReplaced(t *testing.T) {
	ctx := context.Background()
	s := startServers(t)
	account := s.create(v1.ServiceAccount, "robot")
	s.issue(s.a, identity.AccountToken{Account: account}) // makes the first key
	s.clock = s.clock.Add(29 * 24 * time.Hour)
	long, expires := s.issue(s.b, identity.AccountToken{Account: account, Lifetime: 1000 * time.Hour})
	if got := expires.Sub(s.clock); got != 24*time.Hour || len(s.keys()) != 1 {
		t.Errorf("lasts %s, keys %v", got, s.keys())
	}
	if err := s.a.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	next, _ := s.issue(s.b, identity.AccountToken{Account: account})
	s.good(next, true, "of the new key")
	s.clock = s.clock.Add(24*time.Hour - time.Second)
	s.good(long, true, "of the key before, within a day")
	if len(s.keys()) != 2 {
		t.Errorf("keys %v", s.keys())
	}
	if err := s.b.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	s.good(long, true, "a key that still counts is not removed")
	s.clock = s.clock.Add(time.Second)
	if len(s.keys()) != 1 {
		t.Errorf("keys %v", s.keys())
	}
	s.good(long, false, "of the key before, after a day")
	before := len(s.stored())
	if err := s.b.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	if got := s.stored(); before != 2 || len(got) != 1 {
		t.Errorf("%d keys are kept, %d before", len(got), before)
	}
}

// An hour's token of a key that is replaced outlives neither its hour nor the key's day.
func TestOnlyTheGraceKeepsAFormerKey(t *testing.T) {
	ctx := context.Background()
	s := startServers(t)
	account := s.create(v1.ServiceAccount, "robot")
	token, _ := s.issue(s.a, identity.AccountToken{Account: account, Lifetime: 24 * time.Hour})
	set, _ := s.a.PublicKeys(ctx)
	s.clock = s.clock.Add(30 * 24 * time.Hour)
	if err := s.a.Tidy(ctx); err != nil { // it is due
		t.Fatal(err)
	}
	if ids := s.keys(); len(ids) != 2 || ids[0] != set.Keys[0].KeyID {
		t.Errorf("keys %v", ids)
	}
	s.good(token, false, "ended long ago")
	revision, _ := s.objects.Revision(ctx)
	for range 3 {
		if err := s.b.Tidy(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if now, _ := s.objects.Revision(ctx); now != revision {
		t.Errorf("nothing was due, and the store went from %s to %s", revision, now)
	}
}

func (s *servers) stored() []*api.Object {
	list, err := s.objects.List(context.Background(), identity.SigningKey, store.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return list.Items
}

// Whoever comes at the same time, there is one next key.
func TestServersAgreeOnOneKey(t *testing.T) {
	s := startServers(t)
	account := s.create(v1.ServiceAccount, "robot")
	tokens := make(chan string)
	for i := range 16 {
		by := s.a
		if i%2 == 1 {
			by = s.b
		}
		go func() {
			token, _, err := by.IssueAccountToken(context.Background(), identity.AccountToken{Account: account, Lifetime: time.Hour})
			if err != nil {
				t.Error(err)
			}
			tokens <- token
		}()
	}
	for range 16 {
		s.good(<-tokens, true, "made while others were")
	}
	if got := len(s.stored()); got != 1 {
		t.Errorf("%d keys", got)
	}
}
