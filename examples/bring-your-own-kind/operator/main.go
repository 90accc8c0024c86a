// Command operator brings the kind WebApp to life: it keeps as many
// ContainerInstances as a WebApp asks for. It is an ordinary operator on
// controller-runtime, and knows nothing of Powernode but its API: several may run, one
// of them works, and another takes over when that one dies.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	namespace := flag.String("namespace", "default", "where the lease of the leader is kept")
	flag.Parse() // --kubeconfig is controller-runtime's
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil)))
	if err := run(*namespace); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

func run(namespace string) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the server: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	scheme.AddKnownTypeWithName(webAppKind, &WebApp{})
	scheme.AddKnownTypeWithName(webAppKind.GroupVersion().WithKind("WebAppList"), &WebAppList{})
	metav1.AddToGroupVersion(scheme, webAppKind.GroupVersion())
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		LeaderElection:                true,
		LeaderElectionID:              "webapp-operator",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	instances := &unstructured.Unstructured{}
	instances.SetGroupVersionKind(instanceKind)
	err = ctrl.NewControllerManagedBy(manager).For(&WebApp{}).Owns(instances).
		Complete(&reconciler{Client: manager.GetClient(), events: manager.GetEventRecorder("webapp-operator")})
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}
