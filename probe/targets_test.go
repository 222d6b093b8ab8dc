package probe_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/probe"
)

func newTargets(t *testing.T, trusted bool, allowed ...string) probe.Targets {
	t.Helper()
	targets, err := probe.NewTargets(allowed, trusted)
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// control asks as a net.Dialer does.
func control(targets probe.Targets, address string) error {
	network := "tcp4"
	if a := netip.MustParseAddr(address); a.Is6() {
		network = "tcp6"
	}
	return targets.Control(network, net.JoinHostPort(address, "80"), nil)
}

func TestTargets_ReachWhatTheirOwnerMay(t *testing.T) {
	t.Parallel()
	var zero probe.Targets
	api, file := newTargets(t, false), newTargets(t, true)
	open := newTargets(t, false, "0.0.0.0/0", "::/0")
	type reach struct{ zero, api, file, open bool }
	public := reach{true, true, true, true}
	special := reach{file: true, open: true}
	never := reach{}
	for _, tc := range []struct {
		what      string
		want      reach
		addresses string
	}{
		{"public", public, "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 " +
			"172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 " +
			"2606:4700::1111 2001:4860:4860::8888 2001:200:: 3ffe::1 2a00::1"},
		{"loopback", special, "127.0.0.1 127.0.0.0 127.255.255.255 ::1"},
		{"RFC 1918", special, "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255"},
		{"shared", special, "100.64.0.0 100.127.255.255 100.100.100.199"},
		{"unique local", special, "fc00:: fd00::1 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fd12:3456::1"},
		{"benchmarks", special, "198.18.0.0 198.19.255.255 2001:2::1"},
		{"documentation", special, "192.0.2.1 198.51.100.1 203.0.113.255 2001:db8::1 3fff::1"},
		{"reserved", special, "192.0.0.1 192.88.99.1 240.0.0.1 255.255.255.254 100::1 5f00::1 4000::1 e000::1 2001:10::1"},
		{"site-local", special, "fec0::1 feff::1"},
		{"link-local", never, "169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 fe80::1 fe80::1%eth0 febf::1 fe80::a9fe:a9fe"},
		{"cloud metadata", never, "100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 fd00:ec2::23 fd00:ec2::254%lo " +
			"fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42"},
		{"multicast", never, "224.0.0.1 239.255.255.255 ff02::1 ff02::1%eth0 ff0e::1"},
		{"broadcast", never, "255.255.255.255"},
		{"unspecified", never, "0.0.0.0 0.1.2.3 0.255.255.255 ::"},
		{"mapped public", public, "::ffff:1.1.1.1"},
		{"mapped special", special, "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:127.0.0.1%lo"},
		{"mapped never", never, "::ffff:169.254.169.254 ::ffff:0.0.0.0 ::ffff:224.0.0.1 ::ffff:100.100.100.200"},
		{"compatible", special, "::127.0.0.1 ::10.0.0.1"},
		{"compatible never", never, "::169.254.169.254 ::224.0.0.1 ::0.0.0.2"},
		{"translated", special, "::ffff:0:127.0.0.1"},
		{"translated never", never, "::ffff:0:169.254.169.254"},
		{"NAT64 of public", public, "64:ff9b::1.1.1.1"},
		{"NAT64 of special", special, "64:ff9b::127.0.0.1 64:ff9b::192.168.1.1"},
		{"NAT64 of never", never, "64:ff9b::169.254.169.254 64:ff9b::0.0.0.0"},
		{"a network's own NAT64", never, "64:ff9b:1::1.1.1.1 64:ff9b:1:ffff::127.0.0.1"},
		{"6to4", never, "2002:7f00:1::1 2002:a9fe:a9fe::1 2002:101:101::1"},
		{"Teredo", never, "2001::1 2001:0:101:101:0:0:80ff:fffe"},
	} {
		for address := range strings.FieldsSeq(tc.addresses) {
			got := reach{control(zero, address) == nil, control(api, address) == nil, control(file, address) == nil, control(open, address) == nil}
			if got != tc.want {
				t.Errorf("%s, %s: got %+v, want %+v", tc.what, address, got, tc.want)
			}
		}
	}
}

func TestTargets_AllowedOnesAreOpenAndNothingBeside(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[string]struct{ open, shut string }{
		"loopback":         {"127.0.0.1 127.1.2.3 ::1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1", "10.0.0.1 fd00::1 169.254.1.1"},
		"private":          {"10.0.0.1 172.20.0.1 192.168.1.1 100.64.0.1 fd00::1", "127.0.0.1 ::1 fec0::1 192.0.2.1 100.100.100.200 fd00:ec2::254"},
		"10.1.0.0/16":      {"10.1.2.3 ::ffff:10.1.2.3 ::10.1.2.3", "10.2.0.1 127.0.0.1 ::1"},
		"127.0.0.1":        {"127.0.0.1", "127.0.0.2 ::1"},
		"64:ff9b::/96":     {"64:ff9b::10.0.0.1", "10.0.0.1 64:ff9b::169.254.169.254"},
		"fd12:3456::/32":   {"fd12:3456::1 fd12:3456::1%eth0", "fd12:3457::1"},
		"192.0.2.0/24":     {"192.0.2.7", "192.0.0.1 198.51.100.1"},
		"169.254.0.0/15":   {"1.1.1.1", "169.254.169.254"},
		"255.255.255.0/24": {"255.255.255.254", "255.255.255.255 255.255.254.1"},
	} {
		targets := newTargets(t, false, allowed)
		for address := range strings.FieldsSeq(want.open) {
			if err := control(targets, address); err != nil {
				t.Errorf("%s: %v", allowed, err)
			}
		}
		for address := range strings.FieldsSeq(want.shut) {
			if err := control(targets, address); err == nil {
				t.Errorf("%s: %s is open", allowed, address)
			}
		}
	}
}

func TestNewTargets_NamesTheSettingOfABadTarget(t *testing.T) {
	t.Parallel()
	_, err := probe.NewTargets([]string{"loopback", "169.254.169.254"}, true)
	const want = `server.allowedTargets: "169.254.169.254" cannot be allowed: it is link-local`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTargets_ControlSaysWhatItRefusesOnOneLine(t *testing.T) {
	t.Parallel()
	file := newTargets(t, true)
	for _, tc := range []struct {
		targets                probe.Targets
		network, address, want string
	}{
		{probe.Targets{}, "tcp4", "127.0.0.1:80", "127.0.0.1 is a loopback address, which server.allowedTargets does not allow"},
		{probe.Targets{}, "tcp4", "10.0.0.1:80", "10.0.0.1 is a private address, which server.allowedTargets does not allow"},
		{probe.Targets{}, "tcp6", "[2001:db8::1]:80", "2001:db8::1 is a reserved address, which server.allowedTargets does not allow"},
		{probe.Targets{}, "tcp6", "[64:ff9b::a00:1]:80", "64:ff9b::a00:1, which stands for 10.0.0.1, is a private address, which server.allowedTargets does not allow"},
		{file, "tcp4", "169.254.169.254:80", "169.254.169.254 is link-local: it is never connected to, whatever server.allowedTargets says"},
		{file, "tcp6", "[fd00:ec2::254]:80", "fd00:ec2::254 is cloud metadata: it is never connected to, whatever server.allowedTargets says"},
		{file, "unix", "/run/\ndocker.sock", "unix /run/ docker.sock is no TCP address, and nothing else is connected to"},
		{file, "unix", "1.1.1.1:80", "unix 1.1.1.1:80 is no TCP address, and nothing else is connected to"},
		{file, "udp4", "1.1.1.1:80", "udp4 1.1.1.1:80 is no TCP address, and nothing else is connected to"},
		{file, "tcp4", "example.com:80", "tcp4 example.com:80 is no TCP address, and nothing else is connected to"},
	} {
		err := tc.targets.Control(tc.network, tc.address, nil)
		var refused *probe.RefusedError
		if !errors.As(err, &refused) || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}

func TestTargets_CheckHostReadsEveryWayToWriteAnAddress(t *testing.T) {
	t.Parallel()
	api, loopback := newTargets(t, false), newTargets(t, false, "loopback")
	const why = " is a loopback address, which server.allowedTargets does not allow"
	for host, want := range map[string]string{
		"127.0.0.1":          "127.0.0.1" + why,
		"127.0.0.1.":         "127.0.0.1." + why,
		"::1":                "::1" + why,
		"0:0:0:0:0:0:0:1":    "0:0:0:0:0:0:0:1" + why,
		"::ffff:127.0.0.1":   "::ffff:127.0.0.1, which stands for 127.0.0.1," + why,
		"::ffff:7f00:1":      "::ffff:7f00:1, which stands for 127.0.0.1," + why,
		"2130706433":         "2130706433 (127.0.0.1)" + why,
		"0x7f000001":         "0x7f000001 (127.0.0.1)" + why,
		"0X7F.1":             "0X7F.1 (127.0.0.1)" + why,
		"017700000001":       "017700000001 (127.0.0.1)" + why,
		"0177.0.0.01":        "0177.0.0.01 (127.0.0.1)" + why,
		"127.1":              "127.1 (127.0.0.1)" + why,
		"127.0.1":            "127.0.1 (127.0.0.1)" + why,
		"127.0x1.258":        "127.0x1.258 (127.1.1.2)" + why,
		"localhost":          "localhost" + why,
		"LocalHost.":         "LocalHost." + why,
		"anything.localhost": "anything.localhost" + why,
	} {
		if err := api.CheckHost(host); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if err := loopback.CheckHost(host); err != nil {
			t.Errorf("where it is allowed: %v", err)
		}
	}
	for _, host := range []string{"169.254.169.254", "2852039166", "0xa9fea9fe", "0", "0x", "fe80::1%eth0", "metadata.google.internal", "Metadata.Goog."} {
		if err := newTargets(t, true).CheckHost(host); err == nil || !strings.Contains(err.Error(), "it is never connected to") {
			t.Errorf("%s: got %v, want it refused", host, err)
		}
	}
	for _, host := range []string{"example.com", "1.1.1.1", "16843009", "notlocalhost", "localhost.example.com", "256.256.256.256", "1.2.3.4.5", "08", "4294967296", "1..2", ""} {
		if err := api.CheckHost(host); err != nil {
			t.Errorf("%q: %v, want it looked up", host, err)
		}
	}
}

func TestTargets_CheckNamesTheField(t *testing.T) {
	t.Parallel()
	api := newTargets(t, false)
	const why = " is a loopback address, which server.allowedTargets does not allow"
	for _, tc := range []struct {
		hc   config.HealthCheck
		want string
	}{
		{httpCheck("http://127.0.0.1:8080/x"), "healthCheck.http.url: 127.0.0.1" + why},
		{httpCheck("https://user:secret@[::1]:8443/?secret"), "healthCheck.http.url: ::1" + why},
		{httpCheck("http://2130706433/"), "healthCheck.http.url: 2130706433 (127.0.0.1)" + why},
		{httpCheck("unix:///run/docker.sock"), "healthCheck.http.url: the target is no URL that begins with http:// or https://"},
		{httpCheck("file://host/secret"), "healthCheck.http.url: the target is no URL that begins with http:// or https://"},
		{tcpCheck("localhost:5432"), "healthCheck.tcp.address: localhost" + why},
		{tcpCheck("[::1]:5432"), "healthCheck.tcp.address: ::1" + why},
		{grpcCheck("127.0.0.1:1", ""), "healthCheck.grpc.address: 127.0.0.1" + why},
		{grpcCheck("unix:/run/docker.sock", ""), ""}, // no address: probe.New refuses it
		{httpCheck("http://example.com/"), ""},
		{tcpCheck("example.com:5432"), ""},
		{config.HealthCheck{Command: &config.CommandCheck{Argv: []string{"true"}}}, ""},
		{config.HealthCheck{}, ""},
	} {
		err := api.Check(tc.hc)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%v: %v", tc.hc, err)
		case tc.want == "":
		case err == nil || err.Error() != tc.want:
			t.Errorf("got  %v\nwant %s", err, tc.want)
		default:
			var bad interface {
				EachField(f func(field, message string))
			}
			if !errors.As(err, &bad) {
				t.Fatalf("%v names no fields", err)
			}
			bad.EachField(func(field, message string) {
				if got := field + ": " + message; got != tc.want {
					t.Errorf("got field %s, want %s", got, tc.want)
				}
			})
		}
	}
}
