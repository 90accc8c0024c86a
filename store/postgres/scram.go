package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// scramRounds is PostgreSQL's own default.
const scramRounds = 4096

// scramVerifier is what PostgreSQL keeps of a password (RFC 5803), so that the password itself
// never reaches the server, whose log may have every statement.
func scramVerifier(password string) (string, error) {
	if strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", errors.New("the role's password has characters beyond ASCII: make the role by hand (psql: \\password)")
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	return scramWith(salt, password)
}

func scramWith(salt []byte, password string) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramRounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash the role's password: %w", err)
	}
	of := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(of(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, b64(salt), b64(stored[:]), b64(of(salted, "Server Key"))), nil
}
