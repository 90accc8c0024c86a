package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// record is what is known of the call itself.
func (t *trail) record(code int) audit.Record {
	i, r := infoOf(t.echo), t.echo.Request()
	record := audit.Record{
		At: time.Now(), RequestID: i.requestID, User: i.user.Name, UserID: i.user.UID, Groups: i.user.Groups,
		SourceIP: t.server.sourceIP(r), UserAgent: r.UserAgent(), Verb: t.verb, Code: code,
		Group: t.target.group, Version: t.target.version, Resource: t.target.resource, Subresource: t.target.subresource,
		Namespace: t.target.namespace, Name: t.target.name,
	}
	if b := i.bearer; b.Name != "" && (b.Name != i.user.Name || !slices.Equal(b.Groups, i.user.Groups)) {
		record.ImpersonatedBy = b.Name
	}
	if record.Resource == "" {
		record.Path = r.URL.Path
	}
	if record.Name == "" {
		record.Name = i.target.name // of a create, as far as it is known
	}
	return record
}

// effect is the record of a write of the call.
func (t *trail) effect(c store.Change) audit.Record {
	code := http.StatusOK
	if c.Type == store.Added {
		code = http.StatusCreated
	}
	record := t.record(code)
	obj := c.New
	record.Namespace, record.Name, record.UID = obj.Namespace, obj.Name, string(obj.UID)
	forms := t.formsOf(c, &record)
	if c.Type == "" {
		record.Message = "nothing changed"
		return record
	}
	old, now := c.Old, c.New
	if c.Type == store.Deleted {
		now = nil
	}
	record.Old, record.New = auditDocuments(forms, old, now)
	return record
}

// formsOf are the schemas of what was changed, of every version that is served; none when none is.
// A write of another kind than the call names is recorded as what it is.
func (t *trail) formsOf(c store.Change, record *audit.Record) (forms []*schemas.Schema) {
	key, served := c.Key().Kind, t.server.catalog()
	var kind *schemas.Kind
	for _, k := range served.kinds {
		if k.Stored == key {
			forms, kind = append(forms, k.Schema), k
		}
	}
	if t.names(key) {
		return forms
	}
	record.Subresource, record.Path = "", ""
	record.Verb = map[store.EventType]string{store.Added: "create", store.Modified: "update", store.Deleted: "delete"}[c.Type]
	if kind == nil {
		name, group, _ := strings.Cut(key, ".")
		record.Group, record.Version, record.Resource = group, "", strings.ToLower(name)
		return nil
	}
	record.Group, record.Version, record.Resource = kind.Group, kind.Version, kind.Plural
	return forms
}

// names reports whether the call is about objects that are stored as a kind. What else it writes (a
// key for the token that it makes) is recorded, but is not what was asked for.
func (t *trail) names(kind string) bool {
	named, ok := t.server.catalog().find(t.target.group, t.target.version, t.target.resource)
	return ok && named.Stored == kind
}

// withoutEffect is the record of a call that succeeds and has changed no object, or of one
// that is recorded beside the objects that it has changed.
func (t *trail) withoutEffect(code int) audit.Record {
	record := t.record(code)
	switch n := t.effects.Load(); {
	case t.dry.Load():
		record.Message = "dry run: nothing was stored"
	case t.verb == "deletecollection":
		record.Message = fmt.Sprintf("%d objects", n)
	}
	return record
}

// refusal is the record of a call that is answered with an error.
func (t *trail) refusal(status *metav1.Status) audit.Record {
	record := t.record(int(status.Code))
	kind, ok := t.server.catalog().find(t.target.group, t.target.version, t.target.resource)
	// A user that may not be impersonated has a name too, which is not the object's.
	if d := status.Details; record.Name == "" && d != nil && ok && (d.Kind == kind.Plural || d.Kind == kind.Kind) {
		record.Name = d.Name
	}
	record.Reason, record.Message = string(status.Reason), status.Message
	if ok && kind.Schema.HasSecrets() && quotes(status.Reason) {
		record.Message = withheld(status)
	}
	return record
}

// quotes reports whether the message of a refusal may repeat what the client sent.
func quotes(reason metav1.StatusReason) bool {
	switch reason {
	case metav1.StatusReasonUnauthorized, metav1.StatusReasonForbidden, metav1.StatusReasonNotFound, metav1.StatusReasonAlreadyExists,
		metav1.StatusReasonMethodNotAllowed, metav1.StatusReasonUnsupportedMediaType, metav1.StatusReasonNotAcceptable,
		metav1.StatusReasonTooManyRequests, metav1.StatusReasonTimeout, metav1.StatusReasonServiceUnavailable:
		return false
	}
	return true
}

// withheld says of a refusal what can't be a secret: the fields it is about.
func withheld(status *metav1.Status) string {
	var fields []string
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			path, _, _ := strings.Cut(cause.Field, `"`) // an item of a set is named by its value
			fields = append(fields, path+": "+string(cause.Type))
		}
	}
	return strings.TrimSuffix("the message is not kept, as it may quote a secret; fields: "+strings.Join(fields, ", "), "; fields: ")
}

// sourceIP is where a call comes from. What proxies say of it (X-Forwarded-For) counts as
// far as they are trusted, from the nearest on.
func (s *Server) sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(host); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		host = hop.String()
	}
	return host
}

func (s *Server) trusts(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(s.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}
