// Peer is the smallest controller-runtime operator of the shape that ours has: it knows every
// CalendarSubscription and looks at each when its status says that it is due. It writes nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"peer/types"
)

// Reconciler reads from the cache and asks to be called again at the due time.
type Reconciler struct {
	client.Client
	scheduled atomic.Int64
}

// Reconcile looks at one CalendarSubscription.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var subscription types.CalendarSubscription
	if err := r.Get(ctx, request.NamespacedName, &subscription); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.scheduled.Add(1)
	due := subscription.Status.RenewalTime
	if due == nil {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(time.Until(due.Time), time.Second)}, nil
}

// report prints how many were looked at, whenever there are more.
func (r *Reconciler) report(ctx context.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for said := int64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if now := r.scheduled.Load(); now != said {
				said = now
				fmt.Println("scheduled", said)
			}
		}
	}
}

func run(strip bool) error {
	scheme := runtime.NewScheme()
	if err := types.AddToScheme(scheme); err != nil {
		return err
	}
	options := ctrl.Options{Scheme: scheme, Metrics: server.Options{BindAddress: "0"}}
	if strip {
		options.Cache = cache.Options{DefaultTransform: cache.TransformStripManagedFields()}
	}
	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), options)
	if err != nil {
		return err
	}
	reconciler := &Reconciler{Client: manager.GetClient()}
	err = ctrl.NewControllerManagedBy(manager).
		For(&types.CalendarSubscription{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: 10}).
		Complete(reconciler)
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	go func() { _ = reconciler.report(ctx) }()
	return manager.Start(ctx)
}

func main() {
	strip := flag.Bool("strip-managed-fields", false, "leave managedFields out of the cache")
	flag.Parse()
	log.SetLogger(zap.New())
	if err := run(*strip); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
