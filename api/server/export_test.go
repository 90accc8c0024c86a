package server

// Routes are the methods and paths that the router knows.
func (s *Server) Routes() (routes [][2]string) {
	for _, r := range s.echo.Routes() {
		routes = append(routes, [2]string{r.Method, r.Path})
	}
	return routes
}

// Encoded is how many objects and how many events have been encoded so far.
func (s *Server) Encoded() (objects, events int) {
	made := func(e *encodings) int {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.made
	}
	return made(&s.encodings), made(&s.events)
}
