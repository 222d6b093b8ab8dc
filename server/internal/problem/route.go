package problem

import "net/http"

// NotRouted is why no route of a mux takes the request, by the answer that the
// mux has for it: the path is for other methods, which are put into Allow, or
// for none.
func NotRouted(w http.ResponseWriter, r *http.Request, answer http.Handler) error {
	said := statusOnly{header: make(http.Header)}
	answer.ServeHTTP(&said, r)
	if said.status == http.StatusMethodNotAllowed {
		allow := said.header.Get("Allow")
		w.Header().Set("Allow", allow)
		return Status(http.StatusMethodNotAllowed, "%s takes %s", r.URL.Path, allow)
	}
	return Status(http.StatusNotFound, "there is nothing at this path")
}

// statusOnly is an http.ResponseWriter that keeps no body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
