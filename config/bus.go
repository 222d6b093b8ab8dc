package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Bus is by what the nodes of a manager tell each other of changes. Each field
// has a place under bus in the file; empty was not said.
type Bus struct {
	// NATSURL is one NATS server or several with commas between (natsUrl):
	// nats://, tls://, ws:// or wss://, which may have a user and password, or a
	// token; up to 8192 bytes. Default none: changes go through the database.
	NATSURL string

	// NATSURLFile is the path of a file with that URL, relative to the working
	// directory, in its place (natsUrlFile). White space around it is trimmed.
	NATSURLFile string

	// SubjectPrefix is what the subjects begin with (subjectPrefix): words of
	// [A-Za-z0-9_-] with dots between, of up to 128 bytes. Default switchgear.
	SubjectPrefix string

	// Credentials is the path of a file of credentials as nsc writes it
	// (natsCredentialsFile). CA is one of the certificates that the server's
	// must be signed by (natsCaFile), and Certificate and Key, both or neither,
	// are of the node's own (natsCertFile, natsKeyFile); all in PEM.
	Credentials      string
	CA               string
	Certificate, Key string
}

const (
	maxNATSURL       = 8192 // bytes
	maxSubjectPrefix = 128
	natsURLForm      = "must be nats://, tls://, ws:// or wss:// and a host, or several such with commas between"
)

var subjectPrefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// NATS is the URL, read anew where it is in a file; empty where there is none. The
// error names the setting, and shows nothing of the URL.
func (b Bus) NATS() (string, error) {
	if b.NATSURLFile == "" {
		return b.NATSURL, nil
	}
	all, err := readSecret(b.NATSURLFile)
	switch {
	case err != nil:
		return "", fmt.Errorf("bus.natsUrlFile: %w", err)
	case !isNATSURL(all):
		return "", fmt.Errorf("bus.natsUrlFile: the URL in %s %s", b.NATSURLFile, natsURLForm)
	}
	return all, nil
}

// or is b with what it does not say taken from next. Where it says one URL it
// takes no other, and what it says of a certificate goes with its key.
func (b Bus) or(next Bus) Bus {
	if b.NATSURL == "" && b.NATSURLFile == "" {
		b.NATSURL, b.NATSURLFile = next.NATSURL, next.NATSURLFile
	}
	if b.Certificate == "" && b.Key == "" {
		b.Certificate, b.Key = next.Certificate, next.Key
	}
	for _, field := range []struct {
		value *string
		next  string
	}{
		{&b.SubjectPrefix, next.SubjectPrefix},
		{&b.Credentials, next.Credentials},
		{&b.CA, next.CA},
	} {
		if *field.value == "" {
			*field.value = field.next
		}
	}
	return b
}

// check shows nothing of the URL: it may hold a password.
func (b Bus) check(bad *problems) {
	switch {
	case b.NATSURL != "" && b.NATSURLFile != "":
		bad.add("bus", "can have one of natsUrl and natsUrlFile, not both")
	case b.NATSURL != "" && !isNATSURL(b.NATSURL):
		bad.add("bus.natsUrl", natsURLForm)
	}
	if p := b.SubjectPrefix; p != "" && (len(p) > maxSubjectPrefix || !subjectPrefixForm.MatchString(p)) {
		bad.add("bus.subjectPrefix", "%s is not words of [A-Za-z0-9_-] with dots between, of up to %d bytes", quote(p), maxSubjectPrefix)
	}
	for _, f := range []struct{ field, path string }{
		{"bus.natsUrlFile", b.NATSURLFile},
		{"bus.natsCredentialsFile", b.Credentials},
		{"bus.natsCaFile", b.CA},
		{"bus.natsCertFile", b.Certificate},
		{"bus.natsKeyFile", b.Key},
	} {
		if !isPath(f.path) {
			bad.add(f.field, "%s is not a path", quote(f.path))
		}
	}
	if (b.Certificate == "") != (b.Key == "") {
		bad.add("bus", "needs both of natsCertFile and natsKeyFile, or neither")
	}
}

func isNATSURL(all string) bool {
	if len(all) > maxNATSURL || hiddenRune(all, "") != "" {
		return false
	}
	for one := range strings.SplitSeq(all, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Hostname() == "" || u.Port() != "" && !isPort(u.Port(), 1) {
			return false
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return false
		}
	}
	return true
}

// busJSON is the section bus of the file.
type busJSON struct {
	NATSURL         *string `json:"natsUrl"`
	NATSURLFile     *string `json:"natsUrlFile"`
	SubjectPrefix   *string `json:"subjectPrefix"`
	NATSCredentials *string `json:"natsCredentialsFile"`
	NATSCA          *string `json:"natsCaFile"`
	NATSCertificate *string `json:"natsCertFile"`
	NATSKey         *string `json:"natsKeyFile"`
}

// bus is what was said; text reads a field and reports one that is empty.
func (d *busJSON) bus(text func(field string, v *string) string) Bus {
	return Bus{
		NATSURL:       text("bus.natsUrl", d.NATSURL),
		NATSURLFile:   text("bus.natsUrlFile", d.NATSURLFile),
		SubjectPrefix: text("bus.subjectPrefix", d.SubjectPrefix),
		Credentials:   text("bus.natsCredentialsFile", d.NATSCredentials),
		CA:            text("bus.natsCaFile", d.NATSCA),
		Certificate:   text("bus.natsCertFile", d.NATSCertificate),
		Key:           text("bus.natsKeyFile", d.NATSKey),
	}
}
