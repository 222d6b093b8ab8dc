// Command switchgear runs the manager, and speaks to one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// grammar is the command line.
type grammar struct {
	Serve serveCmd `cmd:"" group:"manager" help:"Run the manager."`
	Demo  demoCmd  `cmd:"" group:"manager" help:"Watch services fail and recover: all of it at work, in one command."`
	Lint  lintCmd  `cmd:"" group:"manager" help:"Check a config file and say what is wrong with it, or will hurt."`

	Proxy proxyCmd `cmd:"" group:"manager" help:"Guard an upstream for programs in any language."`

	Backup  backupCmd  `cmd:"" group:"manager" help:"Copy the database, also while the manager runs."`
	Restore restoreCmd `cmd:"" group:"manager" help:"Put a copy in the place of the database."`
	Copy    copyCmd    `cmd:"" group:"manager" help:"Fill a database with another, from SQLite to PostgreSQL or back."`

	Services  servicesCmd  `cmd:"" group:"client" help:"List the services and their circuits."`
	Get       getCmd       `cmd:"" group:"client" help:"Show all about one service."`
	Instances instancesCmd `cmd:"" group:"client" help:"List the processes that have a service, and how it is in each."`
	Events    eventsCmd    `cmd:"" group:"client" help:"Show the history, newest first."`
	Check     checkCmd     `cmd:"" group:"client" help:"Run a service's health check now."`
	Reset     resetCmd     `cmd:"" group:"client" help:"Close a circuit, or begin its recovery now."`
	Override  overrideCmd  `cmd:"" group:"client" help:"Force a circuit open or closed for a time."`
	Config    configCmd    `cmd:"" group:"client" help:"Show and change the configs of services."`
	Top       topCmd       `cmd:"" group:"client" help:"Watch the services as they change, the worst first."`
	Alerts    alertsCmd    `cmd:"" group:"client" help:"List what is wrong, and say that you have seen it."`
	Silence   silenceCmd   `cmd:"" group:"client" help:"Keep alerts from being told for a time."`
	Notify    notifyCmd    `cmd:"" group:"client" help:"Show where alerts are sent, and try it."`
	Token     tokenCmd     `cmd:"" group:"client" help:"Make, list and revoke tokens."`
	Audit     auditCmd     `cmd:"" group:"client" help:"Show who did what to what, newest first."`

	Version       versionCmd       `cmd:"" help:"Print the version."`
	Completion    completionCmd    `cmd:"" help:"Print what lets a shell complete the commands."`
	CompleteWords completeWordsCmd `cmd:"" hidden:""`
}

const description = `Circuit breakers that remember, with a manager that shows them live.

A flag wins over the environment, that over the config file, and that over the
default. Exit codes: 0 done, 1 failed, 2 wrong usage.`

// process is what the commands have of the world.
type process struct {
	stdout, stderr io.Writer
	lookupEnv      func(name string) (value string, ok bool)
	now            func() time.Time

	// manager is whom a client command speaks to, for errors.
	manager connection
}

// usageError is a command line, or an environment, that cannot be.
type usageError struct{ error }

// Unwrap is what is wrong.
func (e usageError) Unwrap() error { return e.error }

// errReported fails a command that has already said why.
var errReported = errors.New("reported")

func main() { os.Exit(start(time.Now)) }

// start runs the command line of the process, by a clock, and returns its exit
// code.
func start(now func() time.Time) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal kills
	p := process{stdout: os.Stdout, stderr: os.Stderr, lookupEnv: os.LookupEnv, now: now}
	return p.run(ctx, os.Args[1:])
}

// run runs a command line and returns its exit code.
func (p *process) run(ctx context.Context, args []string) int {
	helpTo := p.stdout
	if len(args) == 0 {
		args, helpTo = []string{"--help"}, p.stderr
	}
	if args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	helped := false
	parser, err := kong.New(&grammar{},
		kong.Name("switchgear"), kong.Description(description), kong.Vars{"default_url": defaultURL},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100, NoAppDescFormat: true}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "manager", Title: "The manager:"},
			{Key: "client", Title: "Speaking to a manager:"},
			{Key: "target", Title: "The manager and its answer:"},
		}),
		kong.Writers(helpTo, p.stderr),
		kong.Exit(func(int) { helped = true }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p),
	)
	if err != nil {
		return p.fail("", err)
	}
	command, err := parser.Parse(args)
	switch {
	case helped && helpTo == p.stderr:
		return exitUsage
	case helped:
		return exitDone
	case err != nil:
		return p.fail(usageHint(err), usageError{unknownCommand(err)})
	}
	return p.fail(commandName(command), command.Run())
}

// usageHint is the command whose help tells more of a bad command line.
func usageHint(err error) string {
	if e := (*kong.ParseError)(nil); errors.As(err, &e) {
		return commandName(e.Context)
	}
	return "switchgear"
}

// unknownCommand is the error that calls a word by its name which stands where a
// command must, and is none.
func unknownCommand(err error) error {
	word, ok := strings.CutPrefix(err.Error(), "unexpected argument ")
	e, parsing := errors.AsType[*kong.ParseError](err)
	if !ok || !parsing {
		return err
	}
	if node := e.Context.Selected(); node != nil && len(node.Children) == 0 {
		return err
	}
	return errors.New("unknown command " + word)
}

func commandName(c *kong.Context) string {
	words := []string{"switchgear"}
	for _, step := range c.Path {
		if step.Command != nil {
			words = append(words, step.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// fail says what went wrong, if anything did, and returns the exit code.
func (p *process) fail(hint string, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		p.complain("%v\nRun \"%s --help\" for what is possible.", err, hint)
		return exitUsage
	}
	p.complain("%s", p.explain(err))
	return exitFailed
}

func (p *process) complain(format string, args ...any) {
	for line := range strings.SplitSeq("switchgear: "+fmt.Sprintf(format, args...), "\n") {
		_, _ = fmt.Fprintln(p.stderr, plain(line)) // there is nowhere to say that it failed
	}
}
