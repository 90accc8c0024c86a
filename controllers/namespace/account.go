package namespace

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
)

// Account is the ServiceAccount that every namespace has, for programs that name none.
const Account = "default"

// ensureAccount creates it where it is missing. It is read each time, so that its removal wakes
// the namespace.
func ensureAccount(ctx context.Context, objects reconcile.Objects, namespace string) error {
	key := api.Key{Kind: v1.ServiceAccount, Namespace: namespace, Name: Account}
	_, err := objects.Get(ctx, key)
	if !errors.Is(err, api.ErrNotFound) {
		return err
	}
	_, err = objects.Create(ctx, &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: v1.ServiceAccount},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: Account},
	})
	if err != nil && !errors.Is(err, api.ErrExists) {
		return fmt.Errorf("create the ServiceAccount %q: %w", Account, err)
	}
	return nil
}
