// What must go on working: a sandbox that breaks ordinary programs is a sandbox that is switched off.
#include <unistd.h>

#include "guarantees.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

class OrdinaryWork : public Guarantees {};

struct Work {
  const char* what;
  std::vector<std::string> needs;  // programs; the row does not apply where one is missing
  const char* script;              // for /bin/sh, started in a writable working directory
  const char* output = nullptr;    // what it must print, if that is said
  unsigned tiers = kAllTiers;
};

const std::vector<Work> kWork = {
    {"echo", {}, "echo hello", "hello\n"},
    {"arguments are kept as they are", {}, "printf '%s|' 'a b' '' '*'", "a b||*|"},
    {"files are written and read in the working directory",
     {},
     "echo x > f && cat f && mkdir d && mv f d/g && rm -r d",
     "x\n"},
    {"files are written in the scratch directory",
     {},
     "echo x > $TMPDIR/f && cat $TMPDIR/f && mktemp >/dev/null",
     "x\n"},
    {"system programs run",
     {},
     "ls / >/dev/null 2>&1; ls -l /usr/bin/env >/dev/null && sort --version >/dev/null && date >/dev/null"},
    {"names of users are known", {}, "grep -q ^root: /etc/passwd && id >/dev/null"},
    {"/dev/null takes and gives nothing", {}, "echo x > /dev/null && test -z \"$(cat /dev/null)\""},
    {"/dev/zero and /dev/urandom give", {}, "head -c 8 /dev/zero | wc -c; head -c 8 /dev/urandom | wc -c", "8\n8\n"},
    {"pipes", {}, "seq 1000 | tail -n 1 | tr 0 x", "1xxx\n"},
    {"here documents", {}, "cat <<X\nhere\nX", "here\n"},
    {"background jobs", {}, "(sleep 0.05; echo b) & wait; echo c", "b\nc\n"},
    {"fifos", {}, "mkfifo p && (echo x > p &) && cat p", "x\n"},
    {"symbolic links", {}, "echo x > f && ln -s f l && cat l && ln f h && cat h", "x\nx\n"},
    {"plain modes", {}, "echo x > f && chmod 640 f && stat -c %a f && touch -d 2020-01-01 f", "640\n"},
    {"copies keep what they may", {}, "cp -a /usr/bin/env env && cmp env /usr/bin/env"},
    {"archives",
     {"/usr/bin/tar"},
     "mkdir d && echo x > d/f && tar cf a.tar d && rm -r d && tar xf a.tar && cat d/f",
     "x\n"},
    {"locks", {"/usr/bin/flock"}, "flock lock echo x", "x\n"},
    {"process substitution", {"/bin/bash"}, "bash -c 'cat <(echo x); echo y | tee >(cat >&2)' 2>/dev/null", "x\ny\n"},
    {"bash finds its descriptors", {"/bin/bash"}, "bash -c 'exec 9<<<x; cat <&9'", "x\n"},
    {"perl", {"/usr/bin/perl"}, "perl -e 'my $x = `echo x`; print $x; fork or exit; wait'", "x\n"},
    {"socket pairs",
     {"/usr/bin/perl"},
     "perl -MSocket -e 'socketpair(A,B,AF_UNIX,SOCK_STREAM,0) or die $!; syswrite A,\"x\\n\"; sysread B,$_,9; print'",
     "x\n"},
    {"python", {"/usr/bin/python3"}, "/usr/bin/python3 -c 'print(6*7)'", "42\n"},
    {"python with threads",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import threading as t; x=[t.Thread(target=print,args=(\"x\",)) for _ in range(2)]; "
     "[y.start() for y in x]; [y.join() for y in x]'",
     "x\nx\n"},
    {"python with subprocesses",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import subprocess as s; print(s.run([\"echo\",\"x\"],capture_output=True).stdout)'",
     "b'x\\n'\n"},
    {"python with a pool of processes",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import multiprocessing as m; p=m.get_context(\"fork\").Pipe(); p[0].send(1); "
     "print(p[1].recv())'",
     "1\n"},
    {"python with asyncio",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import asyncio; asyncio.run(asyncio.sleep(0)); print(\"x\")'",
     "x\n"},
    {"python with temporary files",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import tempfile; f=tempfile.TemporaryFile(); f.write(b\"x\"); f.seek(0); print(f.read())'",
     "b'x'\n"},
    {"git",
     {"/usr/bin/git"},
     "git init -q . && echo x > f && git add f && git -c user.name=n -c user.email=e@x commit -qm m && "
     "git log --format=%s && git status --short",
     "m\n"},
    {"compiling", {"/usr/bin/gcc"}, "echo 'int main(void){return 0;}' > m.c && gcc -O0 -o m m.c && test -s m"},
    {"make",
     {"/usr/bin/make", "/usr/bin/gcc"},
     "printf 'm: m.c\\n\\t@gcc -c -o m m.c && echo built\\n' > Makefile; "
     "echo 'int x;' > m.c; make",
     "built\n"},
};

// What the supervisor does for programs without namespaces.
const std::vector<Work> kSupervisedWork = {
    {"modes by every call",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import os; f=os.open(\"f\",os.O_RDWR|os.O_CREAT); os.fchmod(f,0o640); "
     "os.chmod(\"f\",0o600); "
     "os.chmod(f,0o604); os.chmod(\"/proc/self/fd/%d\"%f,0o644); os.chown(\"f\",-1,-1); "
     "print(oct(os.stat(f).st_mode))'",
     "0o100644\n"},
    {"times by every call",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import os; f=os.open(\"f\",os.O_RDWR|os.O_CREAT); os.utime(f,(1,2)); "
     "os.symlink(\"f\",\"l\"); "
     "os.utime(\"l\",(3,4),follow_symlinks=False); print(os.stat(f).st_mtime,os.lstat(\"l\").st_mtime)'",
     "2.0 4.0\n"},
    {"archives of many files",
     {"/usr/bin/tar"},
     "mkdir d && for i in 1 2 3 4 5; do echo $i > d/$i; done && chmod 700 d/1 && touch -d 2020-01-01 d/2 && "
     "tar cf a.tar d && rm -r d && tar xpf a.tar && stat -c %a d/1 && stat -c %Y d/2",
     nullptr},
    {"copies keep mode and time",
     {},
     "echo x > f && chmod 751 f && touch -d @1000000000 f && cp -p f g && stat -c '%a %Y' g",
     "751 1000000000\n"},
};

// Unix sockets within a sandbox without namespaces.
const std::vector<Work> kSocketWork = {
    {"a manager of multiprocessing",
     {"/usr/bin/python3"},
     "cat > m.py <<X\nfrom multiprocessing import Manager\nif __name__ == \"__main__\":\n  d = Manager().dict(); "
     "d[1] = 2; print(d)\nX\nTMPDIR=$PWD /usr/bin/python3 m.py",
     "{1: 2}\n"},
    {"socketserver, which asks for its own address",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import os,socket,socketserver,threading\n"
     "class H(socketserver.StreamRequestHandler):\n def handle(s): s.wfile.write(s.rfile.readline().upper())\n"
     "os.mkdir(\"in\")\n"
     "v=socketserver.UnixStreamServer(os.path.relpath(\"in/s\"),H); threading.Thread(target=v.handle_request).start()\n"
     "c=socket.socket(socket.AF_UNIX); c.connect(v.server_address); c.sendall(b\"x\\n\"); print(c.recv(9))'",
     "b'X\\n'\n"},
    {"a full queue is waited for",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import socket,threading,time\n"
     "s=socket.socket(socket.AF_UNIX); s.bind(\"s\"); s.listen(0); n=[]\n"
     "def go():\n c=socket.socket(socket.AF_UNIX); c.connect(\"s\"); n.append(c)\n"
     "t=[threading.Thread(target=go) for _ in range(4)]; [x.start() for x in t]; time.sleep(0.3)\n"
     "a=[s.accept() for _ in range(4)]; [x.join() for x in t]; print(len(n))'",
     "4\n"},
    {"what nobody listens on is refused as such",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import errno,os,socket\ns=socket.socket(socket.AF_UNIX); s.bind(\"s\"); s.close()\n"
     "print(socket.socket(socket.AF_UNIX).connect_ex(\"s\")==errno.ECONNREFUSED)\nos.unlink(\"s\")\n"
     "s=socket.socket(socket.AF_UNIX); s.bind(\"s\"); print(s.getsockname())'",
     "True\ns\n"},
    {"descriptors are handed over",
     {"/usr/bin/python3"},
     "/usr/bin/python3 -c 'import os,socket\ns=socket.socket(socket.AF_UNIX); s.bind(\"s\"); s.listen()\n"
     "c=socket.socket(socket.AF_UNIX); c.connect(\"s\"); a,_=s.accept(); r,w=os.pipe(); "
     "socket.send_fds(c,[b\"x\"],[w])\n"
     "os.write(socket.recv_fds(a,1,1)[1][0],b\"there\"); print(os.read(r,9))'",
     "b'there'\n"},
    {"node",
     {"/usr/bin/node"},
     "/usr/bin/node -e 'const n=require(\"net\"); const s=n.createServer(c=>c.end(\"x\")).listen(\"s\",()=>"
     "n.connect(\"s\").on(\"data\",d=>{console.log(String(d)); s.close()}))'",
     "x\n"},
};

bool Missing(const std::vector<std::string>& programs, std::string& which) {
  for (const std::string& program : programs) {
    if (access(program.c_str(), X_OK) == 0) continue;
    which = program;
    return true;
  }
  return false;
}

void CheckWork(World& w, const std::vector<std::string>& tier_flags, const std::vector<Work>& rows) {
  std::string skipped;
  for (const Work& work : rows) {
    SCOPED_TRACE(std::string(work.what) + ": " + work.script);
    std::string missing;
    if (Missing(work.needs, missing)) {
      skipped += (skipped.empty() ? "" : ", ") + missing;
      continue;
    }
    for (const bool sandboxed : {false, true}) {
      const std::string directory = w.root() + "/scratch/work";
      RemoveTree(directory);
      MakeDirectory(directory, 0755, w.who());
      Extra extra;
      extra.directory = directory;
      const std::vector<std::string> argv = {"/bin/sh", "-c", work.script};
      std::vector<std::string> flags = tier_flags;
      flags.insert(flags.end(), {"--workdir", directory});
      const Result result = sandboxed ? w.Inside(flags, argv, extra) : w.Outside(argv, extra);
      const char* where = sandboxed ? "in the sandbox: " : "control: ";
      EXPECT_EQ(result.code, 0) << where << result.Describe();
      if (work.output != nullptr) {
        EXPECT_EQ(result.output, work.output) << where << result.Describe();
      }
    }
  }
  if (!skipped.empty()) std::cout << "SKIP: not installed here: " << skipped << std::endl;
}

TEST_P(OrdinaryWork, GoesOn) { CheckWork(world(), TierFlags(), kWork); }
TEST_P(OrdinaryWork, ChangesModesAndTimes) { CheckWork(world(), TierFlags(), kSupervisedWork); }

TEST_P(OrdinaryWork, TalksByUnixSockets) {
  if (with_namespaces()) return;  // not there yet: none is made
  CheckWork(world(), TierFlags(), kSocketWork);
}

TEST_P(OrdinaryWork, GoesOnInTheScratchDirectory) {
  const Result result = world().Inside(TierFlags(), {"/bin/sh", "-c", "cd && mkdir d && echo x > d/f && cat d/f"});
  EXPECT_EQ(result.output, "x\n") << result.Describe();
}

TEST_P(OrdinaryWork, KeepsTheStandardStreams) {
  Background background(world().InsideStart(TierFlags(), {"/bin/sh", "-c", "read line; echo got $line; echo e >&2"}));
  ASSERT_EQ(write(background.input(), "in\n", 3), 3);
  const Result result = background.Wait(std::chrono::seconds(10));
  EXPECT_EQ(result.output, "got in\n");
  EXPECT_EQ(result.errors, "e\n");
}

LEASH_EVERY_SETTING(OrdinaryWork);

}  // namespace
}  // namespace leash::guarantees
