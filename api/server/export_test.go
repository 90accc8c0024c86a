package server

// Routes are the methods and paths that the router knows.
func (s *Server) Routes() (routes [][2]string) {
	for _, r := range s.echo.Routes() {
		routes = append(routes, [2]string{r.Method, r.Path})
	}
	return routes
}
