// Package openapitest holds what a handler takes and says against its OpenAPI
// 3.1 document, for tests.
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const location = "mem:///openapi.json"

// Document is an OpenAPI document. Its methods are safe for concurrent use.
type Document struct {
	doc        map[string]any
	operations []Operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// Operation is one method of one path.
type Operation struct {
	Method, Path string // the path as the document has it, with its {names}
	Role         string // x-role
	Limited      bool   // x-limited is refused
	Open         bool   // there is no security
	Headers      []string
	Query        []string
	Body         []byte // the example of the body as JSON; nil without one

	at string // a JSON pointer
}

// New reads a document. Where it describes an object and says nothing of other
// properties, there are to be none.
func New(data []byte) (*Document, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	doc, ok := parsed.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("openapitest: the document is a %T", parsed)
	}
	shut(doc)
	d := &Document{doc: doc, compiler: jsonschema.NewCompiler(), schemas: make(map[string]*jsonschema.Schema)}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(location, doc); err != nil {
		return nil, err
	}
	return d, d.readOperations()
}

// shut lets objects have no properties that the document does not know.
func shut(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] != nil && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			shut(inner)
		}
	case []any:
		for _, inner := range v {
			shut(inner)
		}
	}
}

func (d *Document) readOperations() error {
	paths := object(d.doc["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := object(paths[path])
		for _, method := range slices.Sorted(maps.Keys(item)) {
			if method == "parameters" {
				continue
			}
			op := object(item[method])
			o := Operation{
				Method: strings.ToUpper(method), Path: path, Limited: op["x-limited"] == "refused",
				at: pointer("paths", path, method),
			}
			o.Role, _ = op["x-role"].(string)
			if security, ok := op["security"].([]any); ok {
				o.Open = len(security) == 0
			}
			own, _ := op["parameters"].([]any)
			shared, _ := item["parameters"].([]any)
			for _, p := range slices.Concat(own, shared) {
				param, _ := d.resolve(p, "")
				name, _ := param["name"].(string)
				switch param["in"] {
				case "query":
					o.Query = append(o.Query, name)
				case "header":
					o.Headers = append(o.Headers, name)
				}
			}
			body, _ := d.resolve(op["requestBody"], "")
			if example, ok := object(object(body["content"])["application/json"])["example"]; ok {
				var err error
				if o.Body, err = json.Marshal(example); err != nil {
					return err
				}
			}
			d.operations = append(d.operations, o)
		}
	}
	return nil
}

// Operations are all of the document's.
func (d *Document) Operations() []Operation { return slices.Clone(d.operations) }

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func pointer(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}

// resolve follows a $ref of the document; at is where it is.
func (d *Document) resolve(v any, at string) (map[string]any, string) {
	m := object(v)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m, at
	}
	at = strings.TrimPrefix(ref, "#")
	var found any = d.doc
	for part := range strings.SplitSeq(strings.TrimPrefix(at, "/"), "/") {
		found = object(found)[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return object(found), at
}

// find is the operation of a request's path, of which one that is said letter
// by letter counts more than one with {names}.
func (d *Document) find(method, path string) *Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *Operation
	for i := range d.operations {
		o := &d.operations[i]
		if o.Method == method && matches(o.Path, path) && (found == nil || !strings.Contains(o.Path, "{")) {
			found = o
		}
	}
	return found
}

func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" })
}

// told are the headers that an answer may have only where the document says so.
var told = []string{"Etag", "Location", "Retry-After", "Idempotency-Replayed", "Www-Authenticate", "Accept"}

// CheckAnswer is what is wrong with an answer. One to a request that the
// document does not know must be a problem with 404 or 405.
func (d *Document) CheckAnswer(method, path string, status int, header http.Header, body []byte) error {
	o := d.find(method, path)
	if o == nil {
		if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
			return fmt.Errorf("the document knows no %s %s, which is answered with %d", method, path, status)
		}
		return d.check("/components/schemas/Problem", body)
	}
	responses := object(d.at(o)["responses"])
	code := strconv.Itoa(status)
	response, at := d.resolve(responses[code], o.at+pointer("responses", code))
	if response == nil {
		return fmt.Errorf("the document knows no %d of %s %s", status, o.Method, o.Path)
	}
	headers := object(response["headers"])
	for name := range header {
		if slices.Contains(told, name) && !has(headers, name) {
			return fmt.Errorf("the document knows no header %s of %d of %s %s", name, status, o.Method, o.Path)
		}
	}
	content := object(response["content"])
	if len(content) == 0 || method == http.MethodHead { // of a HEAD, net/http drops the body
		if len(body) > 0 && method != http.MethodHead {
			return fmt.Errorf("%d of %s %s has a body", status, o.Method, o.Path)
		}
		return nil
	}
	media, err := mediaType(header)
	if err != nil {
		return err
	}
	if _, ok := content[media]; !ok {
		return fmt.Errorf("the document knows no %s as %d of %s %s", media, status, o.Method, o.Path)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	return d.check(at+pointer("content", media, "schema"), body)
}

func has(headers map[string]any, name string) bool {
	for known := range headers {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

func mediaType(header http.Header) (string, error) {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return media, err
}

// CheckBody is what is wrong with a body that was accepted, by the document.
func (d *Document) CheckBody(method, path string, body []byte) error {
	o := d.find(method, path)
	if o == nil {
		return fmt.Errorf("the document knows no %s %s", method, path)
	}
	request, at := d.resolve(d.at(o)["requestBody"], o.at+pointer("requestBody"))
	if request == nil {
		return fmt.Errorf("%s %s has no body", o.Method, o.Path)
	}
	return d.check(at+pointer("content", "application/json", "schema"), body)
}

func (d *Document) at(o *Operation) map[string]any {
	return object(object(object(d.doc["paths"])[o.Path])[strings.ToLower(o.Method)])
}

// check holds JSON against the schema at a pointer.
func (d *Document) check(at string, body []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	schema, err := d.schema(at)
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func (d *Document) schema(at string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[at]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(location + "#" + (&url.URL{Fragment: at}).EscapedFragment())
	if err != nil {
		return nil, err
	}
	d.schemas[at] = s
	return s, nil
}
