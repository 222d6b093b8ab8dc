package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/config"
)

type lintCmd struct {
	output

	File   string `arg:"" help:"The config file."`
	Strict bool   `help:"Fail also if there are warnings."`
}

// Help is what the flags do not say.
func (*lintCmd) Help() string {
	return `Errors are what serve would refuse; warnings are what cannot work, or will hurt. The exit code
is 1 if there are errors. Files that it names (secretFile, urlFile) are read too: relative to the
working directory, as serve does.`
}

// findingJSON is an error or a warning for programs.
type findingJSON struct {
	Line    int    `json:"line"` // 0: of none
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Run checks a file.
func (c *lintCmd) Run(p *process) error {
	file, err := config.Load(c.File)
	var errs, warnings []config.Problem
	if bad := (*config.FileError)(nil); errors.As(err, &bad) {
		errs = bad.Problems
	} else if err != nil {
		return err
	} else {
		warnings = file.Lint()
		if errors.As(app.Check(file, file.Settings.JWT), &bad) {
			errs = bad.Problems
		}
	}
	if c.Output == "json" {
		err = p.printJSON(struct {
			File     string        `json:"file"`
			Errors   []findingJSON `json:"errors"`
			Warnings []findingJSON `json:"warnings"`
		}{c.File, findingsJSON(errs), findingsJSON(warnings)})
	} else {
		err = c.print(p, errs, warnings)
	}
	if err == nil && (len(errs) > 0 || c.Strict && len(warnings) > 0) {
		return errReported
	}
	return err
}

func (c *lintCmd) print(p *process, errs, warnings []config.Problem) error {
	var text strings.Builder
	for _, f := range errs {
		fmt.Fprintln(&text, finding("error", f))
	}
	for _, f := range warnings {
		fmt.Fprintln(&text, finding("warning", f))
	}
	_, err := fmt.Fprintf(p.stdout, "%s%s: %s, %s\n", &text, plain(c.File), plural(len(errs), "error"), plural(len(warnings), "warning"))
	return err
}

// finding is a problem as compilers write it, so that editors find its place.
func finding(kind string, f config.Problem) string {
	place := config.Problem{File: f.File, Line: f.Line, Message: kind}
	about := config.Problem{File: f.Field, Message: f.Message}
	return plain(place.String() + ": " + strings.TrimPrefix(about.String(), ": "))
}

func findingsJSON(problems []config.Problem) []findingJSON {
	list := make([]findingJSON, len(problems))
	for i, f := range problems {
		list[i] = findingJSON{f.Line, f.Field, f.Message}
	}
	return list
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
