package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

const jwtSecret = "0123456789abcdef0123456789abcdef" // 32 bytes

func TestJWT_ValidateNamesEachThatCannotBeAndNoSecret(t *testing.T) {
	t.Parallel()
	const keys = "https://login.example.com/keys"
	for _, tc := range []struct {
		name string
		in   config.JWT
		want []string
	}{
		{"a secret", config.JWT{Secret: jwtSecret}, nil},
		{"a secret in a file", config.JWT{SecretFile: "jwt-secret", Algorithms: []string{"HS256"}}, nil},
		{"a key set", config.JWT{JWKSURL: keys, Algorithms: []string{
			"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA",
		}}, nil},
		{"no key", config.JWT{Issuer: "i"}, []string{
			"auth.jwt: needs one of secret, secretFile and jwksUrl, or SWITCHGEAR_JWT_SECRET in the environment",
		}},
		{"three keys", config.JWT{Secret: jwtSecret, SecretFile: "f", JWKSURL: keys}, []string{
			"auth.jwt: can have one of secret, secretFile and jwksUrl, not secret and secretFile and jwksUrl",
		}},
		{"a short secret", config.JWT{Secret: jwtSecret[1:]}, []string{"auth.jwt.secret: is shorter than 32 bytes"}},
		{"no path", config.JWT{SecretFile: "a\x00"}, []string{`auth.jwt.secretFile: "a\x00" is not a path`}},
		{"another scheme", config.JWT{JWKSURL: "file:///" + jwtSecret}, []string{"auth.jwt.jwksUrl: must begin with http:// or https://"}},
		{"plain HTTP to elsewhere", config.JWT{JWKSURL: "http://login.example.com/keys"}, []string{
			"auth.jwt.jwksUrl: must be https://, or http:// on this machine: who changes it on the way lets in whom he likes",
		}},
		{"a password", config.JWT{JWKSURL: "https://u:" + jwtSecret + "@h/"}, []string{"auth.jwt.jwksUrl: cannot have a user"}},
		{"algorithms of keys for a secret", config.JWT{Secret: jwtSecret, Algorithms: []string{"HS256", "RS256", "HS512"}}, []string{
			`auth.jwt.algorithms: "RS256" is not one of HS256, those for a secret`,
			`auth.jwt.algorithms: "HS512" is not one of HS256, those for a secret`,
		}},
		{"HS256 for a key set", config.JWT{JWKSURL: keys, Algorithms: []string{"HS256"}}, []string{
			`auth.jwt.algorithms: "HS256" is not one of RS256, RS384, RS512, PS256, ES256, ES384, ES512, EdDSA, those for a key set`,
		}},
		{"none", config.JWT{JWKSURL: keys, Algorithms: []string{"none", "ES256", "ES256"}}, []string{
			`auth.jwt.algorithms: "none" is not one of RS256, RS384, RS512, PS256, ES256, ES384, ES512, EdDSA, those for a key set`,
			"auth.jwt.algorithms: ES256 is given twice",
		}},
		{"too many algorithms", config.JWT{JWKSURL: keys, Algorithms: make([]string, 10)}, []string{
			"auth.jwt.algorithms: 10 are more than there are",
		}},
		{"texts", config.JWT{
			Secret: jwtSecret, Issuer: strings.Repeat("i", 2049), Audience: "a\n",
			RoleClaim: strings.Repeat("r", 129), ServicesClaim: "\u202e",
		}, []string{
			"auth.jwt.issuer: 2049 bytes are more than 2048",
			"auth.jwt.audience: has the character U+000A, which does not show",
			"auth.jwt.roleClaim: 129 bytes are more than 128",
			"auth.jwt.servicesClaim: has the character U+202E, which does not show",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := config.Settings{JWT: &tc.in}.Validate()
			var got []string
			if err != nil {
				got = fieldsOf(t, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("bad fields (-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(got, ""), jwtSecret[1:]) {
				t.Error("a secret is shown")
			}
		})
	}
}

func TestJWT_TheFirstKeyThatIsSaidCountsAndTheRestIsFilledUp(t *testing.T) {
	t.Parallel()
	environment := config.Settings{JWT: &config.JWT{Secret: jwtSecret}}
	file := config.Settings{JWT: &config.JWT{
		JWKSURL: "https://h/keys", Issuer: "i", Audience: "a", RoleClaim: "r", ServicesClaim: "s", Algorithms: []string{"HS256"},
	}}
	want := &config.JWT{
		Secret: jwtSecret, Issuer: "i", Audience: "a", RoleClaim: "r", ServicesClaim: "s", Algorithms: []string{"HS256"},
	}
	if diff := cmp.Diff(want, environment.Or(file).JWT); diff != "" {
		t.Errorf("the environment over the file (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(file.JWT, config.Settings{}.Or(file).Or(config.DefaultSettings()).JWT); diff != "" {
		t.Errorf("the file alone (-want +got):\n%s", diff)
	}
	if got := (config.Settings{}).Or(config.DefaultSettings()).JWT; got != nil {
		t.Errorf("nobody has said anything: got %+v, want none", got)
	}
	if environment.JWT.Issuer != "" {
		t.Error("Or has changed what it was called on")
	}
}

func TestJWT_ResolvedPutsTheDefaultsIn(t *testing.T) {
	t.Parallel()
	secret := (&config.JWT{SecretFile: "f"}).Resolved()
	want := config.JWT{SecretFile: "f", RoleClaim: "role", ServicesClaim: "services", Algorithms: []string{"HS256"}}
	if diff := cmp.Diff(want, secret); diff != "" {
		t.Errorf("a secret (-want +got):\n%s", diff)
	}
	keySet := (&config.JWT{JWKSURL: "https://h", RoleClaim: "r", ServicesClaim: "s"}).Resolved()
	want = config.JWT{JWKSURL: "https://h", RoleClaim: "r", ServicesClaim: "s", Algorithms: []string{
		"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA",
	}}
	if diff := cmp.Diff(want, keySet); diff != "" {
		t.Errorf("a key set (-want +got):\n%s", diff)
	}
}

func TestJWT_KeyIsReadFromItsFile(t *testing.T) {
	t.Parallel()
	got, err := (&config.JWT{SecretFile: secretFile(t, "\n"+jwtSecret+"\r\n")}).Key()
	if err != nil || string(got) != jwtSecret {
		t.Errorf("got %q and %v, want the secret without white space", got, err)
	}
	if got, err := (&config.JWT{Secret: jwtSecret}).Key(); err != nil || string(got) != jwtSecret {
		t.Errorf("got %q and %v, want the secret itself", got, err)
	}
	if got, err := (&config.JWT{JWKSURL: "https://h"}).Key(); err != nil || len(got) != 0 {
		t.Errorf("got %q and %v, want none: the keys are elsewhere", got, err)
	}
	for name, path := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "none"),
		"short":   secretFile(t, jwtSecret[:31]+"\n"),
		"empty":   secretFile(t, "\n"),
	} {
		_, err := (&config.JWT{SecretFile: path}).Key()
		if err == nil || !strings.HasPrefix(err.Error(), "auth.jwt.secretFile: ") || strings.Contains(err.Error(), jwtSecret[:31]) {
			t.Errorf("%s: got %v, want an error that names the setting and no secret", name, err)
		}
	}
}

func TestParse_TheJWTSecretMayBeTheEnvironmentsToSay(t *testing.T) {
	t.Parallel()
	f, err := config.Parse("f", []byte("auth: { jwt: { issuer: i } }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Settings.Validate(); err == nil {
		t.Error("without a key it is valid")
	}
	if err := (config.Settings{JWT: &config.JWT{Secret: jwtSecret}}).Or(f.Settings).Validate(); err != nil {
		t.Error(err)
	}
}

// TestParse_ShowsNoSecret writes secrets where a text is wanted so that YAML
// reads something else.
func TestParse_ShowsNoSecret(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{
		"octal": "0777777777777", "hexadecimal": "0xabcdef", "underscores": "1_234_567", "a number": "12345678",
		"an alias": "*hunter2", "a tag": "!hunter2 x", "a word": "hunter2", "a list": "[hunter2]", "two keys": "{ hunter2: hunter2 }",
	} {
		for _, format := range []string{
			"\nauth: { jwt: { secret: SECRET } }",
			"\nservices: { a: { healthCheck: { http: { url: http://h, headers: { Authorization: SECRET, \"\\n\": x } } } } }",
			"\nservices: { a: { healthCheck: { command: { argv: [login, SECRET, 5] } } } }",
		} {
			_, err := config.Parse("f", []byte(strings.Replace(format, "SECRET", secret, 1)))
			if err == nil || !strings.HasPrefix(err.Error(), "f:2: ") {
				t.Errorf("%s in %q: got %v, want an error on line 2", name, format, err)
				continue
			}
			for _, part := range []string{"hunter2", secret} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("%s in %q is shown: %v", name, format, err)
				}
			}
		}
	}
}
