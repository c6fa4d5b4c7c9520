"""Runs the blocks of a page as a reader would: in order, each finding what those before it have left."""

import shutil
import subprocess
from pathlib import Path

import shape
from markdown import Block
from world import PROGRAM, REPOSITORY, World, eventually

TIMEOUT = 600


class Runner:
    def __init__(self, world: World):
        self.world = world
        self.count = 0
        #: What the last command printed.
        self.out, self.err = "", ""

    def run(self, block: Block) -> None:
        if block.note.startswith("output"):
            self.compare(block)
            return
        text = block.text
        for shown, real in self.world.substitutions.items():
            text = text.replace(shown, real)
        self.count += 1
        getattr(self, f"run_{block.language}")(block, text)

    def compare(self, block: Block) -> None:
        name = block.note.removeprefix("output").removeprefix(" of ")
        if not name:
            printed = self.out if self.out.strip() else self.err
            assert not (faults := shape.faults(block.language, block.text, printed)), f"{faults}\n{printed}"
            return

        def is_shown() -> bool:
            return not shape.faults(block.language, block.text, self.world.printed(name)[0])

        try:
            eventually(f"{name} prints what is shown", is_shown, within=TIMEOUT)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.world.printed(name)}") from error

    def file(self, suffix: str, text: str) -> Path:
        path = self.world.scratch / f"block{self.count}{suffix}"
        path.write_text(text)
        return path

    def execute(self, command: str, expected: int = 0) -> None:
        """A bash command line, with what the page's shell has set."""
        script = self.file(".run", f"test ! -e {self.world.state} || source {self.world.state}\nexec {command}\n")
        process = self.world.start(["bash", script], f"block{self.count}")
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            code = "no exit"
        self.out, self.err = self.world.printed(f"block{self.count}")
        assert code == expected, f"exit code {code}, not {expected}\n{self.out}{self.err}"

    # --- one for each language

    def run_sh(self, block: Block, text: str) -> None:
        state = self.world.state
        # What a block sets is there for the next, as in one terminal, but for what belongs to the shell itself.
        own = "^declare -[A-Za-z]*r|^declare -[-A-Za-z]+ (BASH|COMP_|DIRSTACK|FUNCNAME|GROUPS|PIPESTATUS|_=)"
        keep = f'{{ declare -p | grep -aEv "{own}"; declare -f; }} >{state}'
        script = self.file(
            ".sh", f"test ! -e {state} || source {state}\ntrap '{keep}' EXIT\nset -euo pipefail\n{text}"
        )
        if block.note.startswith("background"):
            self.world.start(["bash", script], block.note.removeprefix("background "), is_lasting=True)
        else:
            self.execute(f"bash {script}", int(block.note.removeprefix("exits ") or 0))

    def run_sql(self, _: Block, text: str) -> None:
        self.execute(f'psql -X -v ON_ERROR_STOP=1 -f {self.file(".sql", text)} "$DATABASE_URL"')

    def run_python(self, _: Block, text: str) -> None:
        self.execute(f"python {self.file('.py', text)}")

    def run_ts(self, _: Block, text: str) -> None:
        package = REPOSITORY / "clients/typescript"
        modules = self.world.scratch / "node_modules/@skillrelay"
        if not modules.exists():
            self.world.run(["tsc", "--project", package])
            modules.mkdir(parents=True)
            (modules / "client").symlink_to(package)
            # As much of @types/node as the pages use.
            types = "declare const process: { readonly env: Record<string, string | undefined> };\n"
            (self.world.scratch / "node.d.ts").write_text(types)
        source = self.file(".mts", text)
        options = "--strict --target es2022 --lib es2022,dom --module node16 --moduleResolution node16"
        compile = f"tsc {options} {self.world.scratch}/node.d.ts {source}"
        script = self.file(".ts.sh", f"set -e\n{compile}\nnode {source.with_suffix('.mjs')}\n")
        self.execute(f"bash {script}")

    def run_go(self, _: Block, text: str) -> None:
        # Debian's packages of Go libraries are sources in this folder, without modules.
        cache = REPOSITORY / ".build/go"
        environment = f"GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE={cache}"
        self.execute(f"env {environment} go run {self.file('.go', text)}")

    def run_yaml(self, _: Block, text: str) -> None:
        """Settings: a service that starts with them has understood them all."""
        config = self.file(".yaml", text)
        ports = {"SKILLRELAY_CONFIG": str(config), "ROOT_SECRET_PEPPER": "docs"}
        environment = {"PATH": self.world.environment["PATH"]} | ports
        process = subprocess.Popen([PROGRAM, "serve"], env=environment, stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stderr:
                if "listening" in line:
                    return
            raise AssertionError(f"exit code {process.wait()}")
        finally:
            process.terminate()
            process.communicate(timeout=30)

    def run_nginx(self, _: Block, text: str) -> None:
        home = self.world.scratch
        paths = "".join(
            f"{name}_temp_path {home}/nginx; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = self.file(
            ".nginx",
            f"daemon off; pid {home}/nginx.pid; error_log stderr; worker_processes 1;\n"
            f"events {{}}\nhttp {{\naccess_log off; {paths}\n{text}\n}}\n",
        )
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.execute(f"{nginx} -t -c {config}")
        self.world.start([nginx, "-c", str(config)], "nginx", is_lasting=True)

    def run_caddyfile(self, _: Block, text: str) -> None:
        config = self.file(".caddyfile", "{\nadmin off\n}\n" + text)
        self.execute(f"caddy validate --adapter caddyfile --config {config}")
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
        self.world.start(command, "caddy", is_lasting=True)


LANGUAGES = {name.removeprefix("run_") for name in dir(Runner) if name.startswith("run_")}
