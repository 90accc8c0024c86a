package main

import (
	"context"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// The labels of a WebApp's copies.
const (
	appLabel  = "demo.example.com/webapp"
	copyLabel = "demo.example.com/copy"
)

type reconciler struct {
	client.Client
	events events.EventRecorder
}

// Reconcile makes the copies that are missing, removes those that are too many, and says
// how many run. A deleted WebApp takes its copies along: they name it as their owner.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	app := &WebApp{}
	if err := r.Get(ctx, req.NamespacedName, app); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if app.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	for n := range app.Spec.Replicas {
		if err := r.apply(ctx, app, n); err != nil {
			return ctrl.Result{}, err
		}
	}
	copies, err := r.trim(ctx, app)
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.tell(ctx, app, copies)
}

// apply says what one copy shall be, and leaves the rest of it to the server.
func (r *reconciler) apply(ctx context.Context, app *WebApp, n int) error {
	args := make([]any, len(app.Spec.Args))
	for i, arg := range app.Spec.Args {
		args[i] = arg
	}
	instance := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"hostRef":    map[string]any{"name": app.Spec.Host},
			"image":      app.Spec.Image,
			"args":       args,
			"pullPolicy": "IfNotPresent",
			"run":        "Service",
		},
	}}
	instance.SetGroupVersionKind(instanceKind)
	instance.SetNamespace(app.Namespace)
	instance.SetName(fmt.Sprintf("%s-%d", app.Name, n))
	instance.SetLabels(map[string]string{appLabel: app.Name, copyLabel: strconv.Itoa(n)})
	if err := controllerutil.SetControllerReference(app, instance, r.Scheme()); err != nil {
		return err
	}
	return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(instance), client.FieldOwner("webapp-operator"), client.ForceOwnership)
}

// trim removes the copies above the wanted number, and returns the others.
func (r *reconciler) trim(ctx context.Context, app *WebApp) (kept []unstructured.Unstructured, err error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(instanceKind)
	if err := r.List(ctx, list, client.InNamespace(app.Namespace), client.MatchingLabels{appLabel: app.Name}); err != nil {
		return nil, err
	}
	for _, instance := range list.Items {
		n, err := strconv.Atoi(instance.GetLabels()[copyLabel])
		if err == nil && n < app.Spec.Replicas {
			kept = append(kept, instance)
			continue
		}
		if err := r.Delete(ctx, &instance); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
	}
	return kept, nil
}

// tell writes the status, when it differs.
func (r *reconciler) tell(ctx context.Context, app *WebApp, copies []unstructured.Unstructured) error {
	before := app.deepCopy()
	app.Status.Replicas, app.Status.ReadyReplicas = len(copies), 0
	app.Status.Selector = appLabel + "=" + app.Name
	app.Status.ObservedGeneration = app.Generation
	for _, c := range copies {
		if phase, _, _ := unstructured.NestedString(c.Object, "status", "phase"); phase == "running" {
			app.Status.ReadyReplicas++
		}
	}
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "Starting", ObservedGeneration: app.Generation}
	ready.Message = fmt.Sprintf("%d of %d copies run", app.Status.ReadyReplicas, app.Spec.Replicas)
	if app.Status.ReadyReplicas == app.Spec.Replicas {
		ready.Status, ready.Reason = metav1.ConditionTrue, "Running"
	}
	if meta.SetStatusCondition(&app.Status.Conditions, ready) && ready.Status == metav1.ConditionTrue {
		r.events.Eventf(app, nil, "Normal", "Running", "Reconcile", "%s", ready.Message)
	}
	if equality.Semantic.DeepEqual(before.Status, app.Status) {
		return nil
	}
	return r.Status().Patch(ctx, app, client.MergeFrom(before))
}
