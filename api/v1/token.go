package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TokenSpec says whom a Token lets in, and until when. It never changes.
type TokenSpec struct {
	User        string   `json:"user,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	Description string   `json:"description,omitempty"`
	// ExpiresAt is set by the server when TTLSeconds is given in its place, or nothing.
	ExpiresAt  *metav1.Time `json:"expiresAt,omitempty"`
	TTLSeconds int64        `json:"ttlSeconds,omitempty"`
}

// TokenStatus is what the server says of a Token.
type TokenStatus struct {
	// Token is the secret; it is in the answer to the create and nowhere else.
	Token string `json:"token,omitempty"`
	Hash  string `json:"hash,omitempty"`
	// AccountUID is the uid of the ServiceAccount that the bearer is: the Token ends with it.
	AccountUID string `json:"accountUID,omitempty"`
}
