package strict

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// fields are the JSON names of a struct and where each is, for FieldByIndex.
type fields map[string][]int

// memo holds the fields of each struct type that was decoded, so that a message
// costs no walk over its type; it grows with the types of the program only.
var memo sync.Map // of reflect.Type to fields

func (f fields) names() []string { return slices.Collect(maps.Keys(f)) }

func fieldsOf(t reflect.Type) fields {
	if f, ok := memo.Load(t); ok {
		return f.(fields)
	}
	f := make(fields)
	f.collect(t, nil)
	memo.Store(t, f)
	return f
}

// collect adds the fields of t, then those of the structs embedded in it: the
// nearer of two equal names is the one that counts.
func (f fields) collect(t reflect.Type, index []int) {
	var embedded []reflect.StructField
	for sf := range t.Fields() {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		switch {
		case sf.Tag.Get("json") == "-":
			continue
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			embedded = append(embedded, sf)
			continue
		case !sf.IsExported():
			continue
		case name == "":
			name = sf.Name
		}
		if _, ok := f[name]; !ok {
			f[name] = append(slices.Clone(index), sf.Index...)
		}
	}
	for _, sf := range embedded {
		f.collect(sf.Type, append(slices.Clone(index), sf.Index...))
	}
}

// Unknown is the message for a key that is none of the known names. It names
// the one that key would be but for its case, or the nearest that a typing
// error, or snake case for camel case, would explain. Types that decode
// themselves use it to speak as Decode does.
func Unknown(key string, known []string) string {
	if name := otherCase(key, known); name != "" {
		return "wrong case, the name is " + strconv.Quote(name)
	}
	const longest = 64 // a longer key is no typing error, and costs time
	best, distance := "", 3
	if len(key) <= longest {
		key = plain(key)
		for _, name := range known {
			d := editDistance(plain(name), key)
			if d < len(key) && (d < distance || d == distance && name < best) {
				best, distance = name, d
			}
		}
	}
	if best == "" {
		return "unknown field"
	}
	return "unknown field, did you mean " + strconv.Quote(best) + "?"
}

// otherCase is the name that key would be but for its case, or empty.
func otherCase(key string, known []string) string {
	for _, name := range known {
		if strings.EqualFold(name, key) {
			return name
		}
	}
	return ""
}

// plain is s without what tells camel case and snake case apart.
func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// editDistance counts the bytes to insert, delete or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := corner
			if a[i] != b[j] {
				replace++
			}
			corner = row[j+1]
			row[j+1] = min(replace, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
