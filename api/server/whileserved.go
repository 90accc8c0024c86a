package server

import "context"

// newest are the objects in the form that their kind has now: what lasts longer than one answer
// goes on when a definition changes.
func (o objects) newest() objects {
	c := o.server.catalog()
	if kind, ok := c.find(o.kind.Group, o.kind.Version, o.kind.Plural); ok && kind.Stored == o.kind.Stored {
		o.kind = kind
	}
	return o
}

// whileServed derives a context that ends when the kind of a request is no longer served, or only
// by another definition; leave must be called.
func (s *Server) whileServed(ctx context.Context, r *request) (_ context.Context, leave func()) {
	if !r.objects.custom {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		for {
			bell := s.exchanged.Next()
			if !s.stillServed(r) {
				return
			}
			select {
			case <-bell:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		cancel()
		<-ended
	}
}

func (s *Server) stillServed(r *request) bool {
	c := s.catalog()
	kind, ok := c.find(r.kind.Group, r.kind.Version, r.kind.Plural)
	return ok && c.custom[kind].uid == r.custom.uid
}
