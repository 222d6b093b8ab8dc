package app

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

// The signals, as the names of the environment have them.
const (
	signalTraces  = "TRACES"
	signalMetrics = "METRICS"

	otlp = "OTEL_EXPORTER_OTLP_"
)

// wanted reports whether the environment has a signal sent over OTLP. The error
// says what in it cannot be done; then it is not sent. The rest of the standard
// environment is read by the exporters and the SDK.
func wanted(signal string) (bool, error) {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	name, endpoint := either(signal, "ENDPOINT")
	if endpoint == "" {
		return false, nil
	}
	switch exporter := "OTEL_" + signal + "_EXPORTER"; env(exporter) {
	case "", "otlp":
	case "none":
		return false, nil
	default:
		return false, fmt.Errorf("%s is %.50q: it may be otlp or none", exporter, env(exporter))
	}
	switch protocol, is := either(signal, "PROTOCOL"); is {
	case "", "http/protobuf", "http/json":
	default:
		return false, fmt.Errorf("%s is %.50q: it may be http/protobuf or http/json", protocol, is)
	}
	// It is not quoted, for there may be a password in it.
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return false, fmt.Errorf("%s is no address: it must be a URL such as http://localhost:4318", name)
	}
	return true, nil
}

// either is the value of the signal's own variable, or else of the one for all.
func either(signal, what string) (name, value string) {
	if name = otlp + signal + "_" + what; env(name) != "" {
		return name, env(name)
	}
	return otlp + what, env(otlp + what)
}

func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// headerSecrets are the values of the headers that go to the collector, as they are
// in the environment and as they are sent.
func headerSecrets() (all []string) {
	for _, name := range []string{"HEADERS", signalTraces + "_HEADERS", signalMetrics + "_HEADERS"} {
		for header := range strings.SplitSeq(env(otlp+name), ",") {
			_, value, found := strings.Cut(header, "=")
			if !found {
				value = header // perhaps somebody forgot the name
			}
			value = strings.TrimSpace(value)
			all = append(all, value)
			if plain, err := url.PathUnescape(value); err == nil {
				all = append(all, strings.TrimSpace(plain))
			}
		}
	}
	return all
}
