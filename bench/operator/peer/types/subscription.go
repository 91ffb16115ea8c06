// Package types holds CalendarSubscription as a Go operator would declare it: typed, with deep copies.
package types

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of crds/calendarsubscriptions.yaml.
var GroupVersion = schema.GroupVersion{Group: "outlook-addin.dev", Version: "v1alpha1"}

// AddToScheme makes the two kinds known to clients and caches.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &CalendarSubscription{}, &CalendarSubscriptionList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// CalendarSubscription is one mailbox.
type CalendarSubscription struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   Spec   `json:"spec"`
	Status Status `json:"status,omitempty"`
}

// Spec says whose calendar is followed.
type Spec struct {
	AddinRef       Reference `json:"addinRef"`
	TenantID       string    `json:"tenantId"`
	UserID         string    `json:"userId"`
	Mailbox        string    `json:"mailbox,omitempty"`
	Suspend        bool      `json:"suspend,omitempty"`
	DeletionPolicy string    `json:"deletionPolicy,omitempty"`
}

// Reference names an object of the same namespace.
type Reference struct {
	Name string `json:"name"`
}

// Status is what the operator found and did.
type Status struct {
	ObservedGeneration  int64              `json:"observedGeneration,omitempty"`
	SubscriptionID      string             `json:"subscriptionId,omitempty"`
	Resource            string             `json:"resource,omitempty"`
	NotificationURL     string             `json:"notificationUrl,omitempty"`
	ExpirationTime      *metav1.Time       `json:"expirationTime,omitempty"`
	RenewalTime         *metav1.Time       `json:"renewalTime,omitempty"`
	LastRenewalTime     *metav1.Time       `json:"lastRenewalTime,omitempty"`
	FailedRenewals      int32              `json:"failedRenewals,omitempty"`
	NextAttemptTime     *metav1.Time       `json:"nextAttemptTime,omitempty"`
	HandledRenewRequest string             `json:"handledRenewRequest,omitempty"`
	Conditions          []metav1.Condition `json:"conditions,omitempty"`
}

// CalendarSubscriptionList is what the API server lists.
type CalendarSubscriptionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []CalendarSubscription `json:"items"`
}

// DeepCopyInto copies the status with what it points to.
func (in *Status) DeepCopyInto(out *Status) {
	*out = *in
	out.ExpirationTime = in.ExpirationTime.DeepCopy()
	out.RenewalTime = in.RenewalTime.DeepCopy()
	out.LastRenewalTime = in.LastRenewalTime.DeepCopy()
	out.NextAttemptTime = in.NextAttemptTime.DeepCopy()
	out.Conditions = slices.Clone(in.Conditions)
}

// DeepCopyInto copies the whole object.
func (in *CalendarSubscription) DeepCopyInto(out *CalendarSubscription) {
	out.TypeMeta = in.TypeMeta
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec = in.Spec
	in.Status.DeepCopyInto(&out.Status)
}

// DeepCopyObject implements runtime.Object.
func (in *CalendarSubscription) DeepCopyObject() runtime.Object {
	out := new(CalendarSubscription)
	in.DeepCopyInto(out)
	return out
}

// DeepCopyObject implements runtime.Object.
func (in *CalendarSubscriptionList) DeepCopyObject() runtime.Object {
	out := &CalendarSubscriptionList{TypeMeta: in.TypeMeta}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]CalendarSubscription, len(in.Items))
	for index := range in.Items {
		in.Items[index].DeepCopyInto(&out.Items[index])
	}
	return out
}
