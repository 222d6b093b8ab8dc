package rest

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openAPI []byte

// documentJSON is the document as it is served. It is part of the program: what
// is wrong with it a test finds.
var documentJSON = sync.OnceValues(func() ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		return nil, err
	}
	body, err := json.Marshal(doc)
	return append(body, '\n'), err
})

func (a *API) document(w http.ResponseWriter, _ *call) error {
	body, err := documentJSON()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(body) // nobody is there to read it
	return nil
}
