package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/store"
)

// latest in a continue token stands for the revision at the time it is used:
// the rest of the list is then of another moment than its first pages.
const latest store.Revision = -1

type continueToken struct {
	Version   string         `json:"v"`
	Of        string         `json:"of"` // the list that it continues
	Revision  store.Revision `json:"rv"`
	Namespace string         `json:"ns,omitempty"`
	Name      string         `json:"name"`
}

const continueVersion = "powernode.io/v1"

// listed is what a list is of, in its continue tokens.
func (r *request) listed() string { return r.kind.Key() + "/" + r.target.namespace }

func encodeContinue(of string, c store.Cursor) string {
	raw, _ := json.Marshal(continueToken{continueVersion, of, c.Revision, c.Namespace, c.Name}) // strings and numbers only
	return base64.RawURLEncoding.EncodeToString(raw)
}

func decodeContinue(of, token string) (store.Cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	var t continueToken
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err == nil && (t.Version != continueVersion || t.Name == "" || t.Revision == 0 || t.Revision < latest) {
		err = fmt.Errorf("it is not one of ours")
	}
	if err == nil && t.Of != of {
		err = fmt.Errorf("it is that of another list")
	}
	if err != nil {
		return store.Cursor{}, apierrors.NewBadRequest(fmt.Sprintf("continue key is not valid: %v", err))
	}
	return store.Cursor{Revision: t.Revision, Namespace: t.Namespace, Name: t.Name}, nil
}

func (s *Server) parseContinue(ctx context.Context, of, token string) (store.Cursor, error) {
	cursor, err := decodeContinue(of, token)
	if err == nil && cursor.Revision == latest {
		cursor.Revision, err = s.cfg.Store.Revision(ctx)
	}
	return cursor, err
}

// expiredPage is the answer to a page of a list whose revision is gone: with a
// token to go on from the same place at the latest revision.
func expiredPage(of string, c store.Cursor) error {
	c.Revision = latest
	err := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. " +
		"You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. " +
		"Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted " +
		"between the time the first chunk was returned and now may show up in the list.")
	err.ErrStatus.ListMeta.Continue = encodeContinue(of, c)
	return err
}
