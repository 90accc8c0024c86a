// Package logging is how our commands speak on standard error: tint's text for
// people, JSON for programs. It is chosen by the same flags in every command.
package logging

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// Options are the flags; the zero value is auto and info.
type Options struct {
	Format string // auto, text, json; auto is text on a terminal
	Level  string // debug, info, warn, error
}

// AddFlags adds --log-format and --log-level.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Format, "log-format", "auto", "auto, text or json; auto is text on a terminal")
	flags.StringVar(&o.Level, "log-level", "info", "debug, info, warn or error")
}

// New makes the logger, or says which flag can't be meant.
func (o Options) New() (*slog.Logger, error) {
	if o.Format != "" && !slices.Contains([]string{"auto", "text", "json"}, o.Format) {
		return nil, fmt.Errorf("--log-format: %q is not a format; there are auto, text, json", o.Format)
	}
	var level slog.Level
	if o.Level != "" {
		if err := level.UnmarshalText([]byte(o.Level)); err != nil {
			return nil, fmt.Errorf("--log-level: %q is not a level; there are debug, info, warn, error", o.Level)
		}
	}
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	if o.Format == "text" || o.Format != "json" && terminal {
		return slog.New(tint.NewTextHandler(os.Stderr, &tint.Options{
			Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal || os.Getenv("NO_COLOR") != "",
		})), nil
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})), nil
}
