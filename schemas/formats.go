package schemas

import (
	"encoding/base64"
	"math"
	"net/netip"
	"time"
)

// formats are those that JSON Schema does not know, or not as Kubernetes does.
// A format that nobody knows is not checked.
func formats() map[string]func(any) bool {
	return map[string]func(any) bool{
		"int32":    func(v any) bool { return integerWithin(v, math.MinInt32, math.MaxInt32) },
		"int64":    func(v any) bool { return integerWithin(v, math.MinInt64, math.MaxInt64) },
		"byte":     ofString(func(s string) bool { _, err := base64.StdEncoding.DecodeString(s); return err == nil }),
		"duration": ofString(func(s string) bool { _, err := time.ParseDuration(s); return err == nil }),
		"cidr":     ofString(func(s string) bool { _, err := netip.ParsePrefix(s); return err == nil }),
		"date-time": ofString(func(s string) bool {
			_, err := time.Parse(time.RFC3339, s)
			return err == nil
		}),
	}
}

func ofString(ok func(string) bool) func(any) bool {
	return func(v any) bool {
		s, isString := v.(string)
		return !isString || ok(s)
	}
}

func integerWithin(v any, low, high int64) bool {
	switch v := v.(type) {
	case int64:
		return low <= v && v <= high
	case float64: // MaxInt64 as a float is already one more
		return v >= float64(low) && v < float64(high)+1
	}
	return true
}

// formatHint says what a value of a format looks like.
func formatHint(name string) string {
	hints := map[string]string{
		"int32":     "must be from -2147483648 to 2147483647",
		"int64":     "must be from -9223372036854775808 to 9223372036854775807",
		"byte":      "must be base64",
		"duration":  "must be a duration such as 1h30m",
		"cidr":      "must be a network such as 10.0.0.0/8",
		"date-time": "must be a time such as 2026-01-31T12:00:00Z",
		"date":      "must be a date such as 2026-01-31",
		"email":     "must be an e-mail address",
		"hostname":  "must be a host name",
		"ipv4":      "must be an IPv4 address",
		"ipv6":      "must be an IPv6 address",
		"uri":       "must be a URI such as https://example.com/path",
		"uuid":      "must be a UUID",
		"regex":     "must be a regular expression",
	}
	if hint, ok := hints[name]; ok {
		return hint
	}
	return "must be of format " + name
}
