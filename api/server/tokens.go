package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/identity"
	"github.com/powernode/powernode/api/rbac"
	v1 "github.com/powernode/powernode/api/v1"
)

const (
	// tokenLifetime is that of a Token that does not say.
	tokenLifetime = 30 * 24 * time.Hour
	// longestToken is how long a Token lasts at most.
	longestToken = 366 * 24 * time.Hour
)

// createToken makes the secret of a Token, keeps its hash and has it shown in this one answer. It
// is called with the name that the object is about to get, which the secret says.
func (s *Server) createToken(r *request, obj *api.Object) (*api.Object, error) {
	var spec v1.TokenSpec
	if err := json.Unmarshal(obj.Spec, &spec); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("read spec: %v", err))
	}
	if problems := completeToken(&spec, r.user, time.Now()); len(problems) > 0 {
		return nil, apierrors.NewInvalid(r.groupKind(), obj.Name, problems)
	}
	for _, a := range standIns(r.user, spec) {
		if err := s.allowed(r.Context(), a); err != nil {
			return nil, err
		}
	}
	account, err := s.accountOf(r, obj.Name, spec.User)
	if err != nil {
		return nil, err
	}
	secret, hash := identity.MintToken(obj.Name)
	if obj.Spec, err = json.Marshal(spec); err != nil {
		return nil, err
	}
	if obj.Status, err = json.Marshal(v1.TokenStatus{Hash: hash, AccountUID: account}); err != nil {
		return nil, err
	}
	created, err := r.objects.Create(r.Context(), obj, r.writing()...)
	if err == nil && len(r.query["dryRun"]) == 0 {
		r.secret = secret
	}
	return created, err
}

// completeToken fills in who it is for and when it ends.
func completeToken(spec *v1.TokenSpec, creator User, now time.Time) (problems field.ErrorList) {
	path := field.NewPath("spec")
	if spec.User == "" {
		spec.User = creator.Name
		if spec.Groups == nil { // what the creator is by its groups, the token is too
			spec.Groups = slices.DeleteFunc(slices.Clone(creator.Groups), func(g string) bool { return g == authenticated })
		}
	}
	if spec.TTLSeconds != 0 && spec.ExpiresAt != nil {
		return field.ErrorList{field.Forbidden(path.Child("ttlSeconds"), "give either ttlSeconds or expiresAt")}
	}
	if slices.Contains(spec.Groups, unauthenticated) || spec.User == anonymous {
		problems = append(problems, field.Forbidden(path, "a token is never anonymous: leave out "+anonymous+" and "+unauthenticated))
	}
	switch {
	case spec.TTLSeconds != 0:
		spec.ExpiresAt = &metav1.Time{Time: now.Add(time.Duration(spec.TTLSeconds) * time.Second)}
	case spec.ExpiresAt == nil:
		spec.ExpiresAt = &metav1.Time{Time: now.Add(tokenLifetime)}
	case !spec.ExpiresAt.After(now):
		problems = append(problems, field.Invalid(path.Child("expiresAt"), spec.ExpiresAt.UTC().Format(time.RFC3339), "must be in the future"))
	case spec.ExpiresAt.Sub(now) > longestToken:
		problems = append(problems, field.Invalid(path.Child("expiresAt"), spec.ExpiresAt.UTC().Format(time.RFC3339), "must be within a year"))
	}
	return problems
}

// standIns are the questions whether a user may make a token that lets somebody in: nothing is
// asked of what the user is itself, all else it must be allowed to impersonate.
func standIns(user User, spec v1.TokenSpec) (needs []*rbac.Attributes) {
	as := User{Name: spec.User}
	for _, group := range spec.Groups {
		if group != authenticated && !slices.Contains(user.Groups, group) {
			as.Groups = append(as.Groups, group)
		}
	}
	needs = impersonations(user, as)
	if spec.User == user.Name {
		needs = needs[1:] // the first is about the name
	}
	return needs
}

// accountOf is the uid of the ServiceAccount that a user is, which its Token ends with; empty for others.
func (s *Server) accountOf(r *request, token, user string) (uid string, err error) {
	namespace, name, ok := api.SplitServiceAccountName(user)
	if !ok {
		return "", nil
	}
	account, err := s.cfg.Store.Get(r.Context(), api.Key{Kind: v1.ServiceAccount, Namespace: namespace, Name: name})
	if errors.Is(err, api.ErrNotFound) {
		return "", apierrors.NewInvalid(r.groupKind(), token, field.ErrorList{
			field.Invalid(field.NewPath("spec", "user"), user, "must be a service account that exists"),
		})
	}
	if err != nil {
		return "", err
	}
	return string(account.UID), nil
}

// answerToken is the one answer with the secret. It is encoded for this client alone.
func answerToken(r *request, code int, obj *api.Object) error {
	var status v1.TokenStatus
	if err := json.Unmarshal(obj.Status, &status); err != nil {
		return fmt.Errorf("read status of %s: %w", obj.Key(), err)
	}
	status.Token = r.secret
	raw, err := json.Marshal(status)
	if err != nil {
		return err
	}
	shown := *obj
	shown.Status = raw
	body, err := shown.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode %s: %w", obj.Key(), err)
	}
	return respond(r.echo, form{media: r.form.media}, code, body, []byte("\n"))
}
