#!/usr/bin/env python3
"""Packages for tests of installing: leash-tiny as a wheel, and leash-evil as sources whose build does what it should not.

Usage: make_packages.py DIRECTORY [TARGET SECRET PORT]
       make_packages.py --act TARGET SECRET PORT      (does the same outside: the control)

leash-evil's build reads what to try from TRIES, beside its sources, and its module tells what came of it.
"""
import io
import os
import sys
import tarfile
import zipfile

SETUP = '''
import os, socket, zipfile

def attempt(target, secret, port):
    """What came of each act, by its name: "done", or the error."""
    def write(): open(target, "w").write("written by a build")
    def read(): return open(secret).read()
    def phone(): socket.create_connection(("127.0.0.1", int(port)), 10).sendall(b"home")
    def result(act):
        try:
            act()
            return "done"
        except Exception as error:
            return type(error).__name__
    return {"write": result(write), "read": result(read), "phone": result(phone)}

def build_wheel(directory, config_settings=None, metadata_directory=None):
    came = attempt(*open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "TRIES")).read().split("\\n")[:3])
    came["variable"] = os.environ.get("LEASH_TEST_SECRET", "unset")
    name = "leash_evil-1.0-py3-none-any.whl"
    info = "leash_evil-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        archive.writestr("leash_evil.py", "CAME = " + repr(came) + "\\n")
        archive.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: leash-evil\\nVersion: 1.0\\n")
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    return name
'''
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "setup"\nbackend-path = ["."]\n[project]\nname = "leash-evil"\nversion = "1.0"\n'


def make_wheel(directory):
    info = "leash_tiny-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(directory, "leash_tiny-1.0-py3-none-any.whl"), "w") as archive:
        archive.writestr("leash_tiny.py", "WORD = 'tiny'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: leash-tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def make_sources(directory, target, secret, port):
    with tarfile.open(os.path.join(directory, "leash_evil-1.0.tar.gz"), "w:gz") as archive:
        for name, text in (("setup.py", SETUP), ("pyproject.toml", PROJECT), ("TRIES", f"{target}\n{secret}\n{port}\n"),
                           ("PKG-INFO", "Metadata-Version: 2.1\nName: leash-evil\nVersion: 1.0\n")):
            entry = tarfile.TarInfo(f"leash_evil-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


if sys.argv[1] == "--act":
    scope = {}
    exec(SETUP, scope)
    print(scope["attempt"](*sys.argv[2:5]))
else:
    make_wheel(sys.argv[1])
    if len(sys.argv) > 2:
        make_sources(*sys.argv[1:5])
