package api

import "net/http"

// Subresource serves GET of what lies below an object and is not a part of its
// document: a log, an artifact. rest is the path after the subresource's name,
// without a leading slash. The caller has been authenticated and obj was just read. An error that is
// returned before anything was written becomes a Status answer by the one error
// table; wrap the sentinels of this package, and ErrInvalid for a bad query parameter.
//
// Subresource "log" answers text/plain and knows follow=true, tailLines=N and what its kind adds.
type Subresource func(w http.ResponseWriter, r *http.Request, obj *Object, rest string) error
