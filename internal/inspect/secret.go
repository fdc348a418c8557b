package inspect

import (
	"fmt"
	"regexp"
	"strings"
)

// isSecret says whether the value of a member or an argument of this name lets who knows
// it act as somebody else.
func isSecret(name string) bool {
	switch strings.ToLower(name) {
	case "access_token", "refresh_token", "login_token", "logintoken", "password", "new_password",
		"token", "client_secret", "id_access_token", "authorization", "cookie", "set-cookie",
		"recovery_key", "passphrase", "private_key":
		return true
	}
	return false
}

// secretArguments finds them in a target or query that is one text.
var secretArguments = regexp.MustCompile(`(?i)((?:access_|refresh_|login_?|id_access_)?token|password|client_secret)=[^&\s]*`)

// secretTokens are access tokens by how homeservers make them (MSC2918, Synapse).
var secretTokens = regexp.MustCompile(`\b(?:syt|syr|syl|mat|mct|mcr)_[A-Za-z0-9_=.-]{8,}`)

// withoutSecrets returns a text with the length of secrets in their place, and whether
// there were any.
func withoutSecrets(text string) (string, bool) {
	out := secretArguments.ReplaceAllStringFunc(text, func(s string) string {
		name, value, _ := strings.Cut(s, "=")
		return name + "=" + notShown(len(value))
	})
	out = secretTokens.ReplaceAllStringFunc(out, func(s string) string { return notShown(len(s)) })
	return out, out != text
}

func notShown(n int) string { return fmt.Sprintf("(%d bytes, not shown)", n) }
