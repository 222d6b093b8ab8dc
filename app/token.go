package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server"
)

// TokenFile is the file in the data directory that holds the token which the
// first start made.
const TokenFile = "admin-token"

// environmentToken is the ID of the token that Options.AdminToken says.
const environmentToken = "environment"

// authenticator knows no token yet.
func (a *App) authenticator() (*server.Authenticator, error) {
	o := server.AuthOptions{
		LoginsPerMinute: a.settings.Limits.LoginsPerMinute, Logger: a.log,
		Refused: func(r *http.Request, reason string) {
			a.manager.Refused(fleet.AuditEntry{
				Address: server.AddressOf(r), Action: "log in", Result: "refused: " + reason,
			})
		},
	}
	if a.settings.JWT != nil {
		j := a.settings.JWT.Resolved()
		if j.Issuer == "" || j.Audience == "" {
			a.log.Warn("auth.jwt has no issuer or no audience: tokens that were signed with these keys for others are accepted too")
		}
		secret, err := j.Key()
		if err != nil {
			return nil, err
		}
		o.JWT = &server.JWTOptions{
			Secret: secret, JWKSURL: j.JWKSURL, Issuer: j.Issuer, Audience: j.Audience,
			RoleClaim: j.RoleClaim, ServicesClaim: j.ServicesClaim, Algorithms: j.Algorithms,
		}
	}
	return server.NewAuthenticatorWith(o)
}

// knowTokens puts the tokens of the store in force, and beside them the
// administrator's of the environment, which is in no store.
func (a *App) knowTokens(stored []fleet.Token) {
	if a.opts.AdminToken != "" {
		stored = append(stored, fleet.Token{
			ID: environmentToken, Name: "admin", Role: "admin", Hash: server.HashSecret(a.opts.AdminToken), CreatedAt: time.Now(),
		})
	}
	if err := a.auth.Set(stored); err != nil {
		a.log.Error("the tokens of the store cannot be used: those before stay in force", slog.Any("error", err))
	}
}

// firstToken makes the administrator's token at a first start without any.
func (a *App) firstToken(ctx context.Context, store fleet.Store) error {
	stored, err := store.Tokens(ctx)
	if err != nil || a.opts.AdminToken != "" || slices.ContainsFunc(stored, func(t fleet.Token) bool { return !t.Session() }) {
		return err
	}
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	secret := base64.RawURLEncoding.EncodeToString(random[:])
	path := filepath.Join(a.settings.Data, TokenFile)
	if err := a.makeData(); err != nil {
		return err
	}
	// Written before it is stored: a token that counts is in the file.
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	now := time.Now()
	made := fleet.Token{ID: rand.Text(), Name: "admin", Role: "admin", Hash: server.HashSecret(secret), CreatedAt: now, CreatedBy: "switchgear"}
	err = store.Commit(ctx, &fleet.Batch{Tokens: []fleet.Token{made}, Audit: []fleet.AuditEntry{{
		At: now, Actor: "switchgear", Action: "create token", Reason: "the first start of the data directory", Result: "ok: " + made.ID,
		Details: made.AuditDetails(),
	}}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.opts.Stderr, "The admin token of this data directory, shown only now and kept in %s:\n\n    %s\n\n"+
		"This link shows the dashboard to its administrator; it lets in once, within an hour:\n\n    %s\n\n",
		path, secret, a.loginLink(made.ID))
	return err
}

// LoginLink is a link that shows the dashboard, once and within an hour, to the
// administrator of [Options.AdminToken]; empty if that is.
func (a *App) LoginLink() string {
	if a.opts.AdminToken == "" {
		return ""
	}
	return a.loginLink(environmentToken)
}

// loginLink has its code behind a #, which browsers send to nobody.
func (a *App) loginLink(tokenID string) string {
	code, _ := a.auth.Code(tokenID)
	return a.browserURL() + "/#login=" + code
}

// browserURL is where a browser on this machine finds the process.
func (a *App) browserURL() string {
	host, port, err := net.SplitHostPort(a.listener.Addr().String())
	if ip, bad := netip.ParseAddr(host); err == nil && bad == nil && ip.IsUnspecified() {
		return "http://" + net.JoinHostPort("localhost", port)
	}
	return a.URL()
}
