"""The `unseen` command: everything a student does with a competition, from a terminal or a script.

Data goes to standard output and everything else to standard error. Exit codes: 0 done, 1 refused or failed, 2 wrong
usage, 4 log-in needed, 130 interrupted. Only click is imported at the start; each command imports what it needs.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from unseen.client import Client
    from unseen.errors import Refused

Command = TypeVar("Command", bound=Callable[..., Any])

FAILED, LOGIN_NEEDED, INTERRUPTED = 1, 4, 130


class Group(click.Group):
    """A group that knows short names, and that answers a misspelt command with the nearest and with all there are."""

    aliases = {"c": "competitions"}  # noqa: RUF012 - never changed

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            import difflib

            near = difflib.get_close_matches(name, self.commands, 1)
            guess = f" Did you mean “{near[0]}”?" if near else ""
            ctx.fail(f"There is no command “{name}”.{guess}\nCommands: {', '.join(self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


class Main(Group):
    """The top: the commands of `competitions` work here as well, and help lists them apart."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        short = [name for name in competitions.commands if name in self.commands]
        own = [name for name in self.commands if name not in short]
        for title, names in (("Commands", own), ("Competitions (short for `unseen competitions ...`)", short)):
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(80)) for name in names])


def completing(what: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """What the shell may complete a word with, by a function of `unseen.completion`; a failure offers nothing."""

    def found(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        with suppress(Exception):
            from unseen import completion

            offered: list[Any] = getattr(completion, what)(ctx, incomplete)
            return offered
        return []

    return found


def format_option(command: Command) -> Command:
    forms = click.Choice(["table", "csv", "json"])
    explained = "table for people, csv for spreadsheets, json for programs (exact)."
    return click.option("--format", "form", type=forms, default="table", show_default=True, help=explained)(command)


def competition_option(command: Command) -> Command:
    return click.option(
        "-c",
        "--competition",
        "named",
        metavar="SLUG",
        help="The competition.",
        shell_complete=completing("slugs"),
    )(command)


def slug_argument(command: Command) -> Command:
    return click.argument("slug", required=False, shell_complete=completing("slugs"))(competition_option(command))


def quiet_option(command: Command) -> Command:
    return click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks.")(command)


@click.group(
    cls=Main,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Tab completes commands, competitions and files after: unseen completion --help",
)
@click.version_option(package_name="unseen")
def cli() -> None:
    """Take part in the machine-learning competitions of your course.

    \b
    unseen login https://unseen.example.edu
    unseen download SLUG
    unseen submit predictions.csv SLUG -m "closed form"
    unseen leaderboard SLUG

    UNSEEN_URL, UNSEEN_TOKEN and UNSEEN_COMPETITION stand in for what was saved.
    """


@cli.command()
@click.argument("url", required=False)
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.option("--paste", is_flag=True, help="Ask for a token that you made on your account page.")
@click.option("--no-browser", is_flag=True, help="Only print the address; open nothing.")
@quiet_option
def login(url: str | None, token_stdin: bool, paste: bool, no_browser: bool, quiet: bool) -> None:
    """Log in to a server, and keep the token for it.

    A code is shown for you to confirm in a browser, on this computer or on another. Or bring a token, which you make on
    your account page: pasted (--paste), from standard input (--token-stdin) or from UNSEEN_TOKEN.
    """
    from unseen import credentials, kept
    from unseen.client import Client
    from unseen.errors import NotLoggedIn
    from unseen.words import plain

    address = credentials.clean_url(url or os.environ.get("UNSEEN_URL") or credentials.saved_url() or ask_for_url())
    if not credentials.is_private(address):
        say("This address is http://, so your token and your files travel unencrypted.")
    token = token_at_hand(token_stdin, paste)
    if token is None and not paste:
        token = token_by_browser(address, not no_browser, quiet)
    if token is None:
        token = ask_for_token(address)
    token = credentials.clean_token(token)
    try:
        with Client(address, token) as client:
            account = client.whoami()
            kept.after_login(client)
    except NotLoggedIn:
        raise NotLoggedIn(f"{address} does not accept this token. Make a new one at {address}/account") from None
    path = credentials.save(address, token)
    if not quiet:
        say(f"Logged in to {address} as {plain(account.username)}. The token is kept in {path}")


def ask_for_url() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("Which server? Name its address: unseen login URL")
    return str(click.prompt("Address of the server", err=True))


def token_at_hand(standard_input: bool, asking: bool) -> str | None:
    """The token that was brought along; None where a person can be asked for it, or wants to be."""
    if standard_input:
        return sys.stdin.readline()
    if not asking and (token := os.environ.get("UNSEEN_TOKEN")):
        return token
    if not sys.stdin.isatty():
        raise click.UsageError("Where is the token? Use --token-stdin or UNSEEN_TOKEN when there is no terminal.")
    return None


def token_by_browser(address: str, opening: bool, quiet: bool) -> str | None:
    """A token for whoever confirms the code in a browser; None where the server is too old to have such codes."""
    from contextlib import closing

    from unseen import device
    from unseen.errors import NotFound
    from unseen.wire import Wire
    from unseen.words import plain

    with closing(Wire(address, None)) as wire:
        try:
            code = device.ask(wire, device.name_of_this_computer())
        except NotFound:
            return None
        say(plain(f"Open {code.page} and enter {code.user_code}"))
        if opening:
            device.open_in_browser(code.page_with_code)
        if not quiet:
            say("Waiting for you to confirm in the browser ... Ctrl-C stops.")
        return device.wait(wire, code)


def ask_for_token(address: str) -> str:
    say(f"Make a token at {address}/account")
    return str(click.prompt("Token (not shown)", hide_input=True, err=True))


@cli.command()
def logout() -> None:
    """Forget the saved token."""
    from unseen import credentials

    url = credentials.saved_url()
    if not credentials.forget():
        say("Nobody was logged in.")
    else:
        say(f"The token was deleted here. To end it on the server too, revoke it at {url}/account")
    if os.environ.get("UNSEEN_TOKEN"):
        say("UNSEEN_TOKEN is still set in this terminal.")


@cli.command()
@format_option
def whoami(form: str) -> None:
    """Show who is logged in, where, and what the token may do."""
    from unseen import tables

    with connected() as client:
        tables.show_account(client.whoami(), client.url, form, now())


@cli.group(cls=Group)
def config() -> None:
    """Show and change this program's settings."""


@config.command("show")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def config_show(form: str) -> None:
    """Show every setting that applies, and where it comes from."""
    from unseen import credentials, output

    settings = credentials.overview()
    if form == "json":
        output.write_json(settings)
    else:
        for name, value in settings.items():
            click.echo(f"{name:<12} {'–' if value is None else value}")


@config.command("set")
@click.argument("name")
@click.argument("value")
def config_set(name: str, value: str) -> None:
    """Set NAME to VALUE, such as: unseen config set competition lecture"""
    from unseen import credentials

    credentials.save_settings({**credentials.saved_settings(), known_setting(name): value})


@config.command("unset")
@click.argument("name")
def config_unset(name: str) -> None:
    """Forget the value of NAME."""
    from unseen import credentials

    name = known_setting(name)
    credentials.save_settings({k: v for k, v in credentials.saved_settings().items() if k != name})


@config.command("path")
def config_path() -> None:
    """Print the folder in which settings and token are kept."""
    from unseen import credentials

    click.echo(credentials.folder())


def known_setting(name: str) -> str:
    from unseen import credentials

    if name not in credentials.SETTINGS:
        known = ", ".join(f"{name} ({meaning})" for name, meaning in credentials.SETTINGS.items())
        raise click.UsageError(f"There is no setting “{name}”. Settings: {known}")
    return name


@cli.command("kaggle-env")
@click.option("--shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]), default="bash", show_default=True)
@quiet_option
def kaggle_env(shell: str, quiet: bool) -> None:
    """Print what points Kaggle's command line at this server.

    \b
    eval "$(unseen kaggle-env)"
    kaggle competitions list

    For an http:// server these are variables; for an https:// server they define `kaggle` as `unseen kaggle`.
    """
    from unseen import credentials, kaggle

    found = credentials.find()
    shell = "bash" if shell == "zsh" else shell
    if kaggle.variables_suffice(found.url):
        with connected(quiet) as client:
            username = client.whoami().username
        click.echo(kaggle.exports(kaggle.variables(found, username), shell))
        remarks = kaggle.remarks(found.url, sys.stdout.isatty())
    else:
        click.echo(kaggle.FUNCTIONS[shell])
        remarks = [kaggle.why_a_function(found.url)]
    for remark in () if quiet else remarks:
        say(remark)


@cli.command("kaggle", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="ARGS...")
def kaggle_(args: tuple[str, ...]) -> int:
    """Run Kaggle's command line against this server.

    \b
    unseen kaggle competitions submit SLUG -f predictions.csv -m "closed form"

    It must be installed beside this program (pip install kaggle six). Nothing that you keep for kaggle.com is read.
    """
    from unseen import credentials, kaggle

    with connected(quiet=True) as client:
        username = client.whoami().username  # a wrong address or token is explained here, not by a traceback there
    return kaggle.run(args, credentials.find(), username)


@cli.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_(shell: str) -> None:
    """Print the script with which Tab completes commands, competitions and files.

    \b
    bash  in ~/.bashrc:  eval "$(unseen completion bash)"
    zsh   in ~/.zshrc, after compinit:  eval "$(unseen completion zsh)"
    fish  once:  unseen completion fish > ~/.config/fish/completions/unseen.fish

    bash must be 4.4 or newer; macOS brings 3.2, but its own shell is zsh. There is no completion for PowerShell.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(cli, {}, "unseen", "_UNSEEN_COMPLETE").source())


@cli.group(cls=Group)
def competitions() -> None:
    """Look, download, check, submit, choose. Also `unseen c`, and each also without the group."""


@competitions.command("list")
@format_option
def list_(form: str) -> None:
    """List the competitions you can see."""
    from unseen import tables

    with connected() as client:
        tables.show_competitions(client.competitions(), form, now())


@competitions.command()
@slug_argument
@format_option
def files(slug: str | None, named: str | None, form: str) -> None:
    """List the files of a competition."""
    from unseen import tables

    slug = the_slug(slug, named)
    with connected() as client:
        tables.show_files(client.files(slug), form, now())


@competitions.command()
@slug_argument
@click.option("-f", "--file", "name", metavar="NAME", help="Only this file.", shell_complete=completing("file_names"))
@click.option(
    "-p", "--path", default=".", type=click.Path(file_okay=False), help="Where to; the current folder otherwise."
)
@click.option("-o", "--overwrite", "--force", is_flag=True, help="Replace files that are there already and differ.")
@quiet_option
def download(slug: str | None, named: str | None, name: str | None, path: str, overwrite: bool, quiet: bool) -> None:
    """Download the files of a competition, and print where each one is."""
    from unseen.progress import bars

    slug = the_slug(slug, named)
    with connected(quiet) as client, bars(quiet) as start:
        arrived = client.download(slug, name, path, overwrite=overwrite, progress=start)
    for file in arrived:
        click.echo(file)


@competitions.command()
@slug_argument
@click.option("--script", is_flag=True, help="As a Python script whose cells begin with # %%.")
@click.option(
    "-p", "--path", default=".", type=click.Path(file_okay=False), help="Where to; the current folder otherwise."
)
@click.option("-o", "--overwrite", "--force", is_flag=True, help="Replace one that is there already and differs.")
def starter(slug: str | None, named: str | None, script: bool, path: str, overwrite: bool) -> None:
    """Write a first notebook for a competition, and print where it is.

    It loads the files, trains, validates and submits, and is meant to be changed.
    """
    slug = the_slug(slug, named)
    with connected() as client:
        click.echo(client.starter(slug, path, script=script, overwrite=overwrite))


@competitions.command()
@click.argument("args", nargs=-1, metavar="[FILE] [SLUG]", shell_complete=completing("file_or_slug"))
@click.option("-f", "--file", type=click.Path(), metavar="FILE", help="The prediction file.")
@competition_option
@click.option("-m", "--message", default="", help="A note to yourself.")
@click.option("--key", help="The key of an earlier attempt whose outcome is unknown; it is never counted twice.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the score where the server reads the file later.")
@format_option
@quiet_option
def submit(
    args: tuple[str, ...],
    file: str | None,
    named: str | None,
    message: str,
    key: str | None,
    no_wait: bool,
    form: str,
    quiet: bool,
) -> None:
    """Submit a prediction file and print the receipt.

    The file is a .csv, a .csv.gz, or a .zip with one .csv in it, with one row for each test row.
    """
    from uuid import uuid4

    from unseen.progress import bars

    file, slug = file_and_slug(args, file, named)
    key = key or str(uuid4())
    with connected(quiet) as client, asking_again(key), mending(file, slug), bars(quiet) as start:
        receipt = client.submit(
            slug,
            file,
            message=message,
            idempotency_key=key,
            progress=start(os.path.basename(file)) if start else None,
            wait=False,
        )
    if receipt.is_pending and not no_wait:
        if not quiet:
            say(
                f"Submission {receipt.ref} counts. "
                "The test set is large: waiting for its score (Ctrl-C stops waiting) ..."
            )
        with connected(quiet) as client, mending(file, slug):
            receipt = client.scored(receipt)
    from unseen import tables  # now that the file is on the server

    tables.show_receipt(receipt, form)
    if not quiet:
        if receipt.replayed:
            say("The server had this upload already; it was counted once, and this is the first receipt.")
        if form == "table":
            say(f"Next: unseen {'submissions' if receipt.is_pending else 'leaderboard'} {slug}")


@competitions.command()
@click.argument("args", nargs=-1, metavar="[FILE] [SLUG]", shell_complete=completing("file_or_slug"))
@click.option("-f", "--file", type=click.Path(), metavar="FILE", help="The prediction file.")
@competition_option
@format_option
def validate(args: tuple[str, ...], file: str | None, named: str | None, form: str) -> None:
    """Have the server check a prediction file. It costs no submission."""
    from unseen import tables

    file, slug = file_and_slug(args, file, named)
    with connected() as client, mending(file, slug):
        check = client.validate(slug, file)
    rows = f"{check.rows} rows" if check.rows is not None else "accepted"
    tables.show(check, form, ("valid", "rows"), lambda: click.echo(f"{file} is valid: {rows}. It was not submitted."))


@competitions.command()
@slug_argument
@click.option("-n", "--limit", type=click.IntRange(1), help="How many; 200 otherwise.")
@format_option
def submissions(slug: str | None, named: str | None, limit: int | None, form: str) -> None:
    """List your team's submissions, newest first."""
    from unseen import tables

    slug = the_slug(slug, named)
    with connected() as client:
        tables.show_submissions(client.submissions(slug, limit=limit), form, now())


@competitions.command()
@slug_argument
@click.option("--board", type=click.Choice(["public", "private"]), default="public", show_default=True)
@format_option
@quiet_option
def leaderboard(slug: str | None, named: str | None, board: str, form: str, quiet: bool) -> None:
    """Show the leaderboard; your own row is marked with >."""
    from unseen import tables

    slug = the_slug(slug, named)
    with connected(quiet) as client:
        shown = client.leaderboard(slug, board)
    tables.show_leaderboard(shown, form, now())
    if form == "table" and not quiet:
        for remark in tables.board_remarks(shown):
            say(remark)


@competitions.command()
@slug_argument
@format_option
def limits(slug: str | None, named: str | None, form: str) -> None:
    """Show how many submissions are left, and when the day resets."""
    from unseen import tables

    slug = the_slug(slug, named)
    with connected() as client:
        tables.show_limits(client.limits(slug), form, now())


@competitions.command()
@click.argument("args", nargs=-1, metavar="[SLUG] [REF]...", shell_complete=completing("slug_or_refs"))
@competition_option
@click.option("--clear", is_flag=True, help="Choose none, so that the default rule applies again.")
@format_option
def select(args: tuple[str, ...], named: str | None, clear: bool, form: str) -> None:
    """Choose the submissions that count in the end.

    Without REF, show which ones count now.
    """
    from unseen import tables

    slug, refs = slug_and_refs(args, named)
    if clear and refs:
        raise click.UsageError("Either name submissions or use --clear, not both.")
    with connected() as client:
        final = client.select(slug, refs) if refs or clear else client.final(slug)
    tables.show_final(final, form)


@competitions.command()
@click.argument("ref", type=click.IntRange(1), shell_complete=completing("refs"))
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Write it to this file; - is standard output.")
def receipt(ref: int, out: str | None) -> None:
    """Save the signed receipt of submission REF.

    It is what `unseen verify` checks, and what you show when anything about the submission is in doubt.
    """
    from unseen import output

    with connected() as client:
        found = client.receipt(ref)
    path = out or f"receipt-{ref}.json"
    if path == "-":
        output.write_json(found.raw)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(output.json_text(found.raw))
        click.echo(path)


@competitions.command()
@click.argument("receipt", type=click.Path(exists=True, dir_okay=False))
@click.option("-f", "--file", type=click.Path(exists=True, dir_okay=False), help="The file that you sent.")
@click.option("--key", metavar="KEY", help="The server's public key, or a file with it, in place of the one kept here.")
@click.option("--online", is_flag=True, help="Also fetch the chain of all submissions and check it to the end.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def verify(receipt: str, file: str | None, key: str | None, online: bool, form: str) -> int:
    """Check the receipt in the file RECEIPT: signature, link, file and, with --online, the whole chain.

    Without --online nothing is sent or asked anywhere. The key is the one that was kept when you logged in or first
    submitted. Exits with 1 where anything does not hold.
    """
    from unseen import verifying

    if online:
        with connected() as client:
            return verifying.receipt(receipt, file=file, key=key, form=form, client=client)
    return verifying.receipt(receipt, file=file, key=key, form=form)


@competitions.command("verify-key")
@slug_argument
@click.option("-f", "--file", type=click.Path(exists=True, dir_okay=False), help="The opened key, if you have it.")
@click.option("--seal", metavar="SEAL", help="The seal to compare with, or a file with a receipt that names it.")
@click.option("--score", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Score this file, too.")
@click.option("--metric", type=click.Choice(["mse", "rmse", "mae", "r2"]), help="For --score without the server.")
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Keep the opened key in this file.")
def verify_key(
    slug: str | None,
    named: str | None,
    file: str | None,
    seal: str | None,
    score: str | None,
    metric: str | None,
    out: str | None,
) -> int:
    """Check the opened answer key of a revealed competition against the seal kept before.

    The seal is kept on this computer when you first download or submit, and each receipt names it. Exits with 1 where
    the key is another one. --score computes what a prediction file scores on both halves.
    """
    from unseen import verifying

    slug = the_slug(slug, named)
    if file and score and not metric:
        raise click.UsageError("By which metric? Give --metric; without --file the server says which.")
    expected = verifying.expected_seals(slug, seal)
    if file is not None:
        return verifying.key_in_file(file, expected, score=score, metric=metric or "")
    with connected() as client:
        return verifying.opened_key(client, slug, expected, score=score, out=out)


for _command in competitions.commands.values():
    cli.add_command(_command)


def the_slug(slug: str | None, named: str | None) -> str:
    """The competition meant: argument, -c, `UNSEEN_COMPETITION`, or the setting."""
    from unseen import credentials

    if slug and named and slug != named:
        raise click.UsageError(f"Two competitions are named, {slug} and {named}.")
    if found := slug or named or credentials.setting("competition"):
        return found
    raise click.UsageError(
        "Which competition? Name its slug (see: unseen list), or set one for good: unseen config set competition SLUG"
    )


def file_and_slug(args: tuple[str, ...], file: str | None, named: str | None) -> tuple[str, str]:
    """Of `[FILE] [SLUG]` which is which: with -f the argument is the slug, and the order of the two does not matter."""
    rest = list(args)
    if file is None and rest:
        there = [arg for arg in rest if Path(arg).is_file()]
        file = there[0] if len(there) == 1 else rest[0]
        rest.remove(file)
    if file is None:
        raise click.UsageError("Which file? Like this: unseen submit predictions.csv SLUG")
    if len(rest) > 1:
        raise click.UsageError(f"One file and one competition, please; “{rest[-1]}” is too many.")
    return file, the_slug(rest[0] if rest else None, named)


def slug_and_refs(args: tuple[str, ...], named: str | None) -> tuple[str, list[int]]:
    """Of `[SLUG] [REF]...` which is which: a submission is named by digits alone."""
    first = args[0] if args and not args[0].isdecimal() else None
    numbers = args[1:] if first else args
    wrong = [number for number in numbers if not number.isdecimal()]
    if wrong:
        raise click.UsageError(f"“{wrong[0]}” is not the number of a submission (see: unseen submissions).")
    return the_slug(first, named), [int(number) for number in numbers]


@contextmanager
def connected(quiet: bool = False) -> Iterator[Client]:
    import logging

    from unseen.client import Client

    if quiet:
        logging.getLogger("unseen.wire").setLevel(logging.ERROR)
    with Client.from_env() as client:
        yield client


@contextmanager
def mending(file: str, slug: str) -> Iterator[None]:
    """Tell whoever sent a bad file what to do next."""
    from unseen.errors import Refused

    try:
        yield
    except Refused as error:
        if error.problems:
            error.add_note(f"Mend the file, then check it as often as you need: unseen validate {file} {slug}")
        raise


@contextmanager
def asking_again(key: str) -> Iterator[None]:
    """Tell whoever got no answer how to learn what happened."""
    from unseen.errors import OutcomeUnknown

    try:
        yield
    except (OutcomeUnknown, KeyboardInterrupt) as error:
        error.add_note(
            "It is not known whether the submission was counted. "
            f"To find out without submitting twice, run the same command again with --key {key}"
        )
        raise


def now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def say(sentence: str) -> None:
    """Tell the person something beside the data, in lines that fit the terminal."""
    if sys.stderr.isatty():
        import shutil
        import textwrap

        width = min(shutil.get_terminal_size().columns, 100)
        sentence = textwrap.fill(sentence, width, break_long_words=False, break_on_hyphens=False)
    click.echo(sentence, err=True)


def explain(error: BaseException) -> int:
    """Say what went wrong and what to do next, never with a traceback; return the exit code."""
    from unseen.errors import NotLoggedIn, Refused, UnseenError
    from unseen.words import plain

    if isinstance(error, UnseenError):
        sentence = str(error)
    elif isinstance(error, OSError):
        sentence = f"{error.filename or 'A file'}: {error.strerror or error}"
    else:
        sentence = f"Something unexpected happened ({type(error).__name__}: {error}). UNSEEN_DEBUG=1 shows where."
    if isinstance(error, Refused) and error.problems:
        tell_problems(error)
    else:
        say(plain(sentence))
    for note in getattr(error, "__notes__", ()):
        say(plain(note))
    return LOGIN_NEEDED if isinstance(error, NotLoggedIn) else FAILED


def tell_problems(error: Refused) -> None:
    """The server's sentence, then each problem with its line; the server itself says how many more there are."""
    from unseen.words import plain

    say(plain(error.detail.removesuffix(error.problems[0].message).rstrip()))
    for problem in error.problems:
        place = f"line {problem.line}: " if problem.line and not problem.message.lower().startswith("line") else ""
        say(plain(f"  {place}{problem.message}"))


def run(args: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = cli.main(args, prog_name="unseen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo("\nInterrupted.", err=True)
        for note in getattr(error.__cause__ or error, "__notes__", ()):
            say(note)
        return INTERRUPTED
    except Exception as error:  # a person gets a sentence, whatever happened
        if os.environ.get("UNSEEN_DEBUG"):
            raise
        return explain(error)
    return code if isinstance(code, int) else 0


def main() -> NoReturn:
    """The entry point. What goes into a pipe is UTF-8 everywhere; a terminal that lacks a character shows `?`."""
    gc.set_threshold(100_000)  # what imports make is no garbage, and looking for some costs a tenth of the start
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace", **({} if stream.isatty() else {"encoding": "utf-8"}))
    sys.exit(run())
