package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/identity"
	v1 "github.com/powernode/powernode/api/v1"
)

// The lifetimes in seconds that a client may ask for: of the token of a ServiceAccount, as in Kubernetes.
const (
	usualAccountSeconds    = 3600
	shortestAccountSeconds = 600
	longestAccountSeconds  = 1 << 32
)

func tokenRequest() schema.GroupVersionKind {
	return authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
}

// requestToken makes a token for a ServiceAccount. It may end sooner than was asked for: the
// answer says when.
func (s *Server) requestToken(r *request) error {
	body, _, err := s.jsonBody(r.echo, tokenRequest())
	if err != nil {
		return err
	}
	review := &authenticationv1.TokenRequest{}
	if err := json.Unmarshal(body, review); err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("read TokenRequest: %v", err))
	}
	if err := checkTokenRequest(r, review); err != nil {
		return err
	}
	account, err := r.objects.Get(r.Context(), r.key())
	if err != nil {
		return err
	}
	want := identity.AccountToken{Account: account, Audiences: review.Spec.Audiences,
		Lifetime: time.Duration(*review.Spec.ExpirationSeconds) * time.Second}
	if want.Secret, err = s.boundSecret(r, review.Spec.BoundObjectRef); err != nil {
		return err
	}
	if len(r.query["dryRun"]) == 0 {
		token, expires, err := s.cfg.Identity.IssueAccountToken(r.Context(), want)
		if err != nil {
			return err
		}
		review.Status = authenticationv1.TokenRequestStatus{Token: token, ExpirationTimestamp: metav1.NewTime(expires)}
	}
	review.Name, review.Namespace, review.CreationTimestamp = account.Name, account.Namespace, metav1.Now()
	answer, err := json.Marshal(review)
	if err != nil {
		return err
	}
	return respond(r.echo, form{media: r.form.media}, http.StatusCreated, answer, []byte("\n"))
}

// checkTokenRequest fills in what is usual and refuses what can't be meant.
func checkTokenRequest(r *request, review *authenticationv1.TokenRequest) error {
	if gvk := review.GroupVersionKind(); !gvk.Empty() && gvk != tokenRequest() {
		return apierrors.NewBadRequest(fmt.Sprintf("the data is of kind %s of %s, not TokenRequest of %s", review.Kind, review.APIVersion, tokenRequest().GroupVersion()))
	}
	review.SetGroupVersionKind(tokenRequest())
	if review.Name != "" && review.Name != r.target.name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", review.Name, r.target.name))
	}
	if review.Namespace != "" && review.Namespace != r.target.namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("the namespace of the provided object (%s) does not match the namespace sent on the request (%s)", review.Namespace, r.target.namespace))
	}
	if review.Spec.ExpirationSeconds == nil {
		seconds := int64(usualAccountSeconds)
		review.Spec.ExpirationSeconds = &seconds
	}
	path, seconds := field.NewPath("spec", "expirationSeconds"), *review.Spec.ExpirationSeconds
	var problems field.ErrorList
	if seconds < shortestAccountSeconds {
		problems = append(problems, field.Invalid(path, seconds, "may not specify a duration less than 10 minutes"))
	}
	if seconds > longestAccountSeconds {
		problems = append(problems, field.Invalid(path, seconds, "may not specify a duration larger than 2^32 seconds"))
	}
	if len(problems) > 0 {
		return apierrors.NewInvalid(tokenRequest().GroupKind(), r.target.name, problems)
	}
	return nil
}

// boundSecret is the Secret that a token is to end with; nil for none.
func (s *Server) boundSecret(r *request, ref *authenticationv1.BoundObjectReference) (*api.Object, error) {
	if ref == nil {
		return nil, nil
	}
	if ref.Kind != "Secret" || ref.APIVersion != "v1" {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for object of type %s of %q: only a Secret of v1 can be bound to", ref.Kind, ref.APIVersion))
	}
	secret, err := s.cfg.Store.Get(r.Context(), api.Key{Kind: v1.Secret, Namespace: r.target.namespace, Name: ref.Name})
	if errors.Is(err, api.ErrNotFound) {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, ref.Name)
	}
	if err != nil {
		return nil, err
	}
	if ref.UID != "" && ref.UID != secret.UID {
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, ref.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
	}
	return secret, nil
}

// publicKeys are those by which others verify the tokens of ServiceAccounts.
func (s *Server) publicKeys(c echo.Context) error {
	keys, err := s.cfg.Identity.PublicKeys(c.Request().Context())
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/jwk-set+json")
	return json.NewEncoder(c.Response()).Encode(keys)
}

// rotateKeys makes a new key, which signs from now on, and answers with those that verify.
func (s *Server) rotateKeys(c echo.Context) error {
	if err := s.cfg.Identity.Rotate(c.Request().Context()); err != nil {
		return err
	}
	return s.publicKeys(c)
}

// openIDConfiguration tells where the keys are.
func (s *Server) openIDConfiguration(c echo.Context) error {
	issuer := s.cfg.Identity.IssuerURL()
	return c.JSON(http.StatusOK, map[string]any{
		"issuer":                                issuer,
		"jwks_uri":                              issuer + "/openid/v1/jwks",
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
}
