package rest

import "net/http"

func (a *API) getServer(w http.ResponseWriter, c *call) error {
	return writeJSON(w, http.StatusOK, a.info(c.r.Context()))
}
