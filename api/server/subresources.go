package server

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
)

// subresource is a part of every object of a kind, or something below it, that the server
// itself answers for. What a kind adds comes in by Config.Subresources.
type subresource struct {
	// kind is what its documents are, for discovery; the kind of the object when empty.
	kind metav1.GroupVersionKind
	// verbs are its handlers by verb: get, update, patch, create.
	verbs map[string]func(*request) error
}

// subresources are those that a kind has by its definition.
func (s *Server) subresources(k *schemas.Kind) map[string]subresource {
	subs := map[string]subresource{}
	if k.StatusSubresource && k.Key() != v1.Token { // its status is the server's alone
		subs["status"] = subresource{verbs: map[string]func(*request) error{"get": s.get, "update": s.update, "patch": s.patch}}
	}
	if k.Scale != nil {
		subs[subScale] = subresource{
			kind:  metav1.GroupVersionKind{Group: scaleKind().Group, Version: scaleKind().Version, Kind: scaleKind().Kind},
			verbs: map[string]func(*request) error{"get": s.getScale, "update": s.updateScale, "patch": s.patchScale},
		}
	}
	if k.Key() == kindNamespace {
		subs[subFinalize] = subresource{verbs: map[string]func(*request) error{"update": s.update}}
	}
	if hasHistory(k) {
		subs[subHistory] = subresource{
			kind:  metav1.GroupVersionKind{Group: api.Group, Version: api.Version, Kind: "History"},
			verbs: map[string]func(*request) error{"get": s.history},
		}
	}
	if k.Key() == v1.ServiceAccount {
		subs["token"] = subresource{
			kind:  metav1.GroupVersionKind{Group: tokenRequest().Group, Version: tokenRequest().Version, Kind: tokenRequest().Kind},
			verbs: map[string]func(*request) error{"create": s.requestToken},
		}
	}
	return subs
}
