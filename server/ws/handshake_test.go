package ws

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/degenduel/switchgear/server/internal/problem"
	"github.com/degenduel/switchgear/wire"
)

func TestHandshake_LetsInWhoMay(t *testing.T) {
	t.Parallel()
	f := start(t, Config{AllowedOrigins: []string{"https://app.example"}, SocketsPerIdentity: -1})
	viewer, bearer := secrets["viewer"], "Bearer "+secrets["viewer"]
	tests := []struct {
		name     string
		header   http.Header
		query    string
		status   int
		protocol string
	}{
		{"header", http.Header{"Authorization": {bearer}}, "", 101, ""},
		{"subprotocol", http.Header{"Sec-Websocket-Protocol": {viewer}}, "", 101, viewer},
		{"own subprotocol and token", http.Header{"Sec-Websocket-Protocol": {"switchgear.v2, " + viewer}}, "", 101, "switchgear.v2"},
		{"token and own subprotocol", http.Header{"Sec-Websocket-Protocol": {viewer, "switchgear.v2"}}, "", 101, "switchgear.v2"},
		{"header and own subprotocol", http.Header{"Authorization": {bearer}, "Sec-Websocket-Protocol": {"switchgear.v2"}}, "", 101, "switchgear.v2"},
		{"own origin", http.Header{"Authorization": {bearer}, "Origin": {f.url}}, "", 101, ""},
		{"allowed origin", http.Header{"Authorization": {bearer}, "Origin": {"https://app.example"}}, "", 101, ""},
		{"compression is not negotiated", http.Header{"Authorization": {bearer}, "Sec-Websocket-Extensions": {"permessage-deflate"}}, "", 101, ""},

		{"nothing", nil, "", 401, ""},
		{"garbage", http.Header{"Authorization": {"Bearer garbage"}}, "", 401, ""},
		{"unknown token", http.Header{"Authorization": {"Bearer " + strings.Repeat("x", 40)}}, "", 401, ""},
		{"unknown token as subprotocol", http.Header{"Sec-Websocket-Protocol": {strings.Repeat("x", 40)}}, "", 401, ""},
		{"header and token offered", http.Header{"Authorization": {bearer}, "Sec-Websocket-Protocol": {viewer}}, "", 101, viewer},
		{"header and both offered", http.Header{"Authorization": {bearer}, "Sec-Websocket-Protocol": {"switchgear.v2, " + viewer}}, "", 101, "switchgear.v2"},
		{"bad header and token offered", http.Header{"Authorization": {"Bearer x"}, "Sec-Websocket-Protocol": {viewer}}, "", 401, ""},
		{"own subprotocol alone", http.Header{"Sec-Websocket-Protocol": {"switchgear.v2"}}, "", 401, ""},
		{"basic", http.Header{"Authorization": {"Basic " + viewer}}, "", 401, ""},
		{"token in the URL", nil, "?token=" + viewer, 401, ""},
		{"access_token in the URL", nil, "?access_token=" + viewer, 401, ""},
		{"token in the URL beside a good one", http.Header{"Authorization": {bearer}}, "?token=" + viewer, 401, ""},
		{"cookie", http.Header{"Cookie": {"session=" + viewer}}, "", 401, ""},
		{"agent", http.Header{"Authorization": {"Bearer " + secrets["agent"]}}, "", 403, ""},
		{"other origin", http.Header{"Authorization": {bearer}, "Origin": {"https://evil.example"}}, "", 403, ""},
		{"longer origin", http.Header{"Authorization": {bearer}, "Origin": {"https://app.example.evil.com"}}, "", 403, ""},
		{"origin of another port", http.Header{"Authorization": {bearer}, "Origin": {"https://app.example:8443"}}, "", 403, ""},
		{"origin null", http.Header{"Authorization": {bearer}, "Origin": {"null"}}, "", 403, ""},
		{"no upgrade", http.Header{"Authorization": {bearer}, "Connection": {"keep-alive"}, "Upgrade": {""}}, "", 426, ""},
		{"other version", http.Header{"Authorization": {bearer}, "Sec-Websocket-Version": {"12"}}, "", 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			response, body := f.handshake(t, tt.query, tt.header)
			h := response.Header
			if response.StatusCode != tt.status || h.Get("Sec-Websocket-Protocol") != tt.protocol || h.Get("Sec-Websocket-Extensions") != "" {
				t.Errorf("got %s, protocol %q, extensions %q", response.Status, h.Get("Sec-Websocket-Protocol"), h.Get("Sec-Websocket-Extensions"))
			}
			if tt.status >= 400 && (h.Get("Content-Type") != problem.ContentType || strings.Contains(body, viewer)) {
				t.Errorf("answer %s: %s", h.Get("Content-Type"), body)
			}
		})
	}
}

func TestHandshake_CapsTheSocketsOfAnIdentity(t *testing.T) {
	t.Parallel()
	f := start(t, Config{SocketsPerIdentity: 2})
	first, _, _ := f.join(t, "viewer")
	f.join(t, "viewer")
	if p, err := f.connect(t, "viewer", ""); err == nil {
		t.Errorf("a third socket: %s", p.next().raw)
	}
	f.join(t, "operator")
	_ = first.conn.Close(websocket.StatusNormalClosure, "")
	eventually(t, "room for another", func() bool {
		p, err := f.connect(t, "viewer", "")
		if err == nil {
			p.want(wire.TypeConnectionStatus)
		}
		return err == nil
	})
}
