package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server"
)

// TokenFile is the file in the data directory that holds the token which the
// first start made.
const TokenFile = "admin-token"

// tokens are what authentication asks of the store.
type tokens interface {
	Tokens(ctx context.Context) ([]fleet.Token, error)
	AddToken(ctx context.Context, t fleet.Token) error
}

// authenticator knows the administrator's token and those of the store. At a
// first start without any it makes one.
func (a *App) authenticator(ctx context.Context, store tokens) (*server.Authenticator, error) {
	stored, err := store.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 && a.opts.AdminToken == "" {
		made, err := a.makeAdminToken(ctx, store)
		if err != nil {
			return nil, err
		}
		stored = append(stored, made)
	}
	if a.opts.AdminToken != "" {
		stored = append(stored, fleet.Token{
			ID: "environment", Name: "admin", Role: "admin", Hash: server.HashSecret(a.opts.AdminToken), CreatedAt: time.Now(),
		})
	}
	return server.NewAuthenticator(stored)
}

func (a *App) makeAdminToken(ctx context.Context, store tokens) (fleet.Token, error) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fleet.Token{}, err
	}
	secret := base64.RawURLEncoding.EncodeToString(random[:])
	path := filepath.Join(a.settings.Data, TokenFile)
	// Written before it is stored: a token that counts is in the file.
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return fleet.Token{}, err
	}
	made := fleet.Token{ID: rand.Text(), Name: "admin", Role: "admin", Hash: server.HashSecret(secret), CreatedAt: time.Now().UTC()}
	if err := store.AddToken(ctx, made); err != nil {
		return fleet.Token{}, err
	}
	_, err := fmt.Fprintf(a.opts.Stderr, "The admin token of this data directory, shown only now and kept in %s:\n\n    %s\n\n", path, secret)
	return made, err
}
