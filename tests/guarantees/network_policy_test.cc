// Ways past a network policy that are in what is said: names, addresses, hosts named twice, requests that can be read
// in two ways. Everything outside answers; see network_doors_test.cc.
#include <unistd.h>

#include <algorithm>

#include "network_rows.h"

namespace leash::guarantees {
namespace {

const std::string kReachedAllowed = "200 reached 93.184.216.34";

std::size_t CountOf(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// A name that is allowed, whoever it belongs to, leads to no machine that is not public; nor does everything that is
// allowed.
TEST_P(NetworkRows, W10NoNameLeadsToPrivateAddresses) {
  const std::string table = R"(
import ipaddress, time
private = ['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1',
           '169.254.169.254', '192.0.0.8', '198.18.0.1', '198.51.100.7', '240.0.0.1', '168.63.129.16']
if os.path.exists('/proc/net/if_inet6'):
  private += ['::1', 'fd00:ec2::254', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:a00:1::', '::a00:1']
def name_of(address):
  address = ipaddress.ip_address(address)
  return (str(address).replace('.', '-') + '.ip.test') if address.version == 4 else address.packed.hex() + '.ip6.test'
def written(address): return f'[{address}]' if ':' in address else address
)";
  const std::string direct = "for address in private: do(address, get, address, 80, written(address))\n";
  for (const auto& [address, outcome] : Control(table + direct)) {
    EXPECT_EQ(outcome.rfind("200 reached", 0), 0U) << address << ": " << outcome;
  }
  outside_->Forget();
  // 127.0.0.1 inside is the sandbox's own: by address, the proxy alone can be asked to go there.
  Outcomes inside = Inside(Everything(), table + R"(
for address in private:
  do('name ' + address, get, name_of(address))
  do('proxy ' + address, get_by_proxy, f'http://{name_of(address)}/')
  do('address ' + address, get_by_proxy, f'http://{written(address)}/')
  do('tunnel ' + address, tunnelled, f'{written(address)}:80')
do('mixed', get, 'mixed.test')
do('public', get, 'good.test'))");
  EXPECT_EQ(inside["public"], kReachedAllowed);
  EXPECT_EQ(inside["mixed"], kReachedAllowed);
  for (const auto& [what, outcome] : inside) {
    if (what != "public" && what != "mixed") {
      EXPECT_EQ(outcome, "403 address_refused") << what;
    }
  }
  EXPECT_EQ(CountOf(outside_->Seen(), "tcp "), 2U) << outside_->Seen();
}

// What is checked is what is dialled, however often a name changes its mind.
TEST_P(NetworkRows, W10ANameThatTurnsToPrivateAddressesIsRefusedThen) {
  Outcomes inside = Inside(Listed({"rebind.test"}), R"(
import time
for i in range(4):
  do(str(i), get, 'rebind.test')
  time.sleep(1.3))");
  std::size_t reached = 0, refused = 0;
  for (const auto& [what, outcome] : inside) {
    reached += outcome == kReachedAllowed ? 1 : 0;
    refused += outcome == "403 address_refused" ? 1 : 0;
  }
  EXPECT_EQ(reached + refused, 4U);
  EXPECT_GT(reached, 0U);
  EXPECT_GT(refused, 0U) << "control: the name must have changed";
  EXPECT_EQ(CountOf(outside_->Seen(), "tcp "), CountOf(outside_->Seen(), "tcp 93.184.216.34:80"));
}

TEST_P(NetworkRows, W12TheHostThatIsSaidInsideIsTheOneThatWasAskedFor) {
  Outcomes inside = Inside(Listed({"good.test:80", "good.test:443"}), R"(
do('port', tunnelled, 'good.test:22')
do('proxy', get_by_proxy, 'http://good.test/', 'other.test')
do('direct', get, 'good.test', 80, 'other.test')
do('tunnel', get_by_tunnel, 'good.test:80', 'other.test')
do('hello', say_hello, 'good.test', 443, 'other.test')
do('hello in tunnel', say_hello, 'good.test', 443, 'other.test', True)
)");
  EXPECT_EQ(inside["port"], "403 denied");
  EXPECT_EQ(inside["proxy"], "400 mismatch");
  EXPECT_EQ(inside["direct"], "421 mismatch");
  EXPECT_EQ(inside["tunnel"], "421 mismatch");
  EXPECT_EQ(inside["hello"], "reset");
  EXPECT_EQ(inside["hello in tunnel"], "reset");
  EXPECT_TRUE(outside_->NeverSaw("data "));
  inside = Inside(Listed({"good.test:80", "good.test:443"}), R"(
do('proxy', get_by_proxy, 'http://good.test/', 'GOOD.test')
do('direct', get, 'good.test')
do('tunnel', get_by_tunnel, 'good.test:80', 'good.test')
do('hello', say_hello, 'good.test', 443, 'good.test')
do('hello in tunnel', say_hello, 'good.test', 443, 'Good.test', True)
)");
  for (const char* way : {"proxy", "direct", "tunnel"}) EXPECT_EQ(inside[way], kReachedAllowed) << way;
  EXPECT_EQ(inside["hello"], "closed");
  EXPECT_EQ(inside["hello in tunnel"], "closed");
  EXPECT_EQ(CountOf(outside_->Seen(), "data "), 5U);
}

TEST_P(NetworkRows, W13OneNameIsOneNameHoweverItIsWritten) {
  Outcomes inside = Inside(Listed({"EXAMPLE.test", "dot.test.", "b\xc3\xbc\x63her.test", "2606:4700::7"}), R"(
for name in ('example.test', 'Example.TEST.', 'dot.test', 'dot.test.', 'xn--bcher-kva.test', 'XN--BCHER-KVA.test.'):
  do(name, get, name)
  do('proxy ' + name, get_by_proxy, f'http://{name}/')
if os.path.exists('/proc/net/if_inet6'):
  do('six', get_by_proxy, 'http://[2606:4700:0::7]/')
do('not xample', get, 'xample.test')
do('not bucher', get_by_proxy, 'http://bucher.test/'))");
  for (const auto& [what, outcome] : inside) {
    if (what.rfind("not ", 0) != 0 && what != "six") {
      EXPECT_EQ(outcome, kReachedAllowed) << what;
    }
  }
  if (HasIpv6()) {
    EXPECT_EQ(inside["six"], "200 reached 2606:4700::7");
  }
  EXPECT_EQ(inside["not xample"], "gaierror");
  EXPECT_EQ(inside["not bucher"], "403 denied");
}

TEST_P(NetworkRows, W14TheProxyKeepsToItsProtocols) {
  Outcomes inside = Inside(Everything(), R"(
do('nobody', tunnelled, 'good.test:82')
do('https', get_by_proxy, 'https://good.test/')
do('until', until_the_end, opened('good.test', 8080))
do('until in tunnel', until_the_end, tunnel('good.test:8080')[0])
do('end', end_first, opened('good.test', 8080))
do('end in tunnel', end_first, tunnel('good.test:8080')[0])
do('fields', get_by_proxy, 'http://good.test/', None, 'Connection: X-Secret', 'X-Secret: one', 'X-Kept: two',
   'Proxy-Authorization: Basic three', 'Keep-Alive: four')
if os.path.exists('/proc/net/if_inet6'):
  do('six', get_by_proxy, 'http://[2606:4700::7]:8080/')
idle = [opened('good.test', 8080) for i in range(300)] + [opened(*PROXY) for i in range(300)]
do('beside idle ones', get, 'good.test'))");
  EXPECT_EQ(inside["nobody"], "502 unreachable");
  EXPECT_EQ(inside["https"], "400 malformed");
  EXPECT_EQ(inside["until"], "100013 bytes came");
  EXPECT_EQ(inside["until in tunnel"], "100013 bytes came");
  EXPECT_EQ(inside["end"], "that was all");
  EXPECT_EQ(inside["end in tunnel"], "that was all");
  EXPECT_EQ(inside["fields"], kReachedAllowed);
  if (HasIpv6()) {
    EXPECT_EQ(inside["six"], "200 reached 2606:4700::7");
  }
  EXPECT_EQ(inside["beside idle ones"], kReachedAllowed);
  const std::string seen = outside_->Seen();
  EXPECT_EQ(CountOf(seen, "and one more"), 2U);
  EXPECT_EQ(CountOf(seen, "X-Kept: two"), 1U);
  for (const char* gone : {"X-Secret", "Proxy-Authorization", "Keep-Alive"}) EXPECT_EQ(CountOf(seen, gone), 0U) << gone;
}

// Twenty seconds, once: a server that neither takes nor refuses a connection.
TEST_P(NetworkRows, W14WhoDoesNotAnswerIsNotWaitedForForEver) {
  if (world().who() == Who::kRoot) return;  // the same for every user
  Outcomes inside = Inside(Everything(), "do('silent', tunnelled, 'good.test:81')\ndo('good', get, 'good.test')");
  EXPECT_EQ(inside["silent"], "504 timed_out");
  EXPECT_EQ(inside["good"], kReachedAllowed);
}

TEST_P(NetworkRows, N5TheHostFieldDoesNotDecideTheAddress) {
  const std::string acts = R"(
do('direct', get, '93.184.216.66', 80, 'good.test')
do('other port', get, '93.184.216.66', 8080, 'good.test')
)";
  for (const auto& [what, outcome] : Control(acts)) EXPECT_EQ(outcome, "200 reached 93.184.216.66") << what;
  outside_->Forget();
  Outcomes inside = Inside(Listed({"good.test"}), acts + R"(
do('proxy', get_by_proxy, 'http://93.184.216.66/', 'good.test')
do('tunnel', get_by_tunnel, '93.184.216.66:80', 'good.test')
do('good', get, 'good.test'))");
  EXPECT_EQ(inside["direct"], "403 denied");
  EXPECT_EQ(inside["other port"], "ConnectionResetError");
  EXPECT_EQ(inside["proxy"], "400 mismatch");
  EXPECT_EQ(inside["tunnel"], "403 denied");
  EXPECT_EQ(inside["good"], kReachedAllowed);
  EXPECT_TRUE(outside_->NeverSaw(kOther));
}

// The requests inside TLS are not seen, and so not their hosts; the server name is.
TEST_P(NetworkRows, N6TheServerNameOfTlsIsTheHostThatWasAskedFor) {
  const std::string acts = "do('other', say_hello, 'good.test', 443, 'other.test')\n";
  EXPECT_EQ(Inside(Listed({"good.test", "other.test"}), acts)["other"], "reset");
  EXPECT_TRUE(outside_->NeverSaw("data "));
  EXPECT_TRUE(Logged("good.test", 443, "allow", "mismatch"));
  EXPECT_EQ(Inside(Listed({"good.test"}), "do('good', say_hello, 'good.test', 443, 'good.test')")["good"], "closed");
  EXPECT_TRUE(outside_->Saw("data 93.184.216.34:443"));
}

TEST_P(NetworkRows, N7ADeniedNameIsDeniedHoweverItIsWritten) {
  const auto policy = AllowAll() && !AllowList({"evil.test"});
  Outcomes inside = InLibrary(policy, R"(
for name in ('evil.test', 'EVIL.test', 'evil.test.', 'EVIL.TEST.'):
  do('direct ' + name, get, name)
  do('proxy ' + name, get_by_proxy, f'http://{name}/')
  do('port ' + name, get_by_proxy, f'http://{name}:8080/')
  do('tunnel ' + name, tunnelled, name + ':443')
do('good', get, 'good.test')
do('good proxy', get_by_proxy, 'http://GOOD.test./'))");
  for (const auto& [what, outcome] : inside) {
    const bool good = what.rfind("good", 0) == 0, direct = what.rfind("direct", 0) == 0;
    EXPECT_EQ(outcome, good ? kReachedAllowed : direct ? "gaierror" : "403 denied") << what;
  }
  EXPECT_EQ(inside.size(), 18U);
  EXPECT_TRUE(outside_->NeverSaw("evil"));
}

TEST_P(NetworkRows, N8AWildcardIsForWholeLabels) {
  Outcomes inside = Inside(Listed({"*.example.test"}), R"(
for name in ('evilexample.test', 'example.test', 'a.example.test.evil.test', 'a.example.test', 'a.b.example.test'):
  do(name, get, name)
  do('proxy ' + name, get_by_proxy, f'http://{name}/'))");
  for (const char* name : {"evilexample.test", "example.test", "a.example.test.evil.test"}) {
    EXPECT_EQ(inside[name], "gaierror") << name;
    EXPECT_EQ(inside[std::string("proxy ") + name], "403 denied") << name;
  }
  for (const char* name : {"a.example.test", "a.b.example.test"}) {
    EXPECT_EQ(inside[name], kReachedAllowed) << name;
    EXPECT_EQ(inside[std::string("proxy ") + name], kReachedAllowed) << name;
  }
}

// A rule about a name says nothing about addresses, so a list lets none in; who allows everything but a name says its
// addresses as well.
TEST_P(NetworkRows, N9ADeniedHostIsNotReachedByItsAddress) {
  const std::string acts = R"(
do('http', get, '93.184.216.66')
do('http as another', get, '93.184.216.66', 80, 'good.test')
do('tls', say_hello, '93.184.216.66', 443, None)
do('tls as another', say_hello, '93.184.216.66', 443, 'good.test')
do('tunnel', tunnelled, '93.184.216.66:443')
do('good', get, 'good.test'))";
  EXPECT_EQ(Control("do('http', get, '93.184.216.66')")["http"], "200 reached 93.184.216.66");
  outside_->Forget();
  for (Outcomes inside : {Inside(Listed({"good.test"}), acts),
                          InLibrary(AllowAll() && !AllowList({"other.test", "93.184.216.66"}), acts)}) {
    EXPECT_EQ(inside["http"], "403 denied");
    EXPECT_EQ(inside["http as another"], "403 denied");
    EXPECT_EQ(inside["tls"], "reset");
    EXPECT_EQ(inside["tls as another"], "reset");
    EXPECT_EQ(inside["tunnel"], "403 denied");
    EXPECT_EQ(inside["good"], kReachedAllowed);
  }
  EXPECT_TRUE(outside_->NeverSaw(kOther));
}

TEST_P(NetworkRows, N16AddressesAreReadTheRightWayAround) {
  Outcomes inside = Inside(Listed({"203.0.113.9"}), R"(
do('right', get, '203.0.113.9')
do('reversed', get, '9.113.0.203'))");
  EXPECT_EQ(inside["right"], "200 reached 203.0.113.9");
  EXPECT_EQ(inside["reversed"], "403 denied");
  EXPECT_TRUE(outside_->NeverSaw("9.113.0.203"));
}

TEST_P(NetworkRows, N16ANameThatMovesIsFollowed) {
  outside_->Name("moves.test", kAllowed);
  Background sandbox(InsideStart(Listed({"moves.test"}), R"(
import time
do('before', get, 'moves.test')
sys.stdin.readline()
for i in range(60):
  found = get('moves.test')
  if '216.66' in found: break
  time.sleep(0.25)
do('after', lambda: found))"));
  EXPECT_EQ(ReadLine(sandbox.output()), "before: " + kReachedAllowed);
  outside_->Name("moves.test", kOther);
  EXPECT_EQ(write(sandbox.input(), "\n", 1), 1);
  EXPECT_EQ(ReadLine(sandbox.output()), "after: 200 reached 93.184.216.66");
}

TEST_P(NetworkRows, N17RulesThatAreNotUnderstoodAreErrors) {
  for (const char* rule :
       {"10.0.0.1/8", "300.1.2.3", "1.2.3", "0x7f.1", "fe80::1%lo", "2001:db8::/129", "2001:db8::7/32",
        "good.test:99999", "[2001:db8::7", "good..test", "*.com", "*", "ftp://good.test"}) {
    const Result result = RunProgram(InsideStart(Listed({"good.test", rule}), "do('ran', lambda: 1)"));
    EXPECT_EQ(result.code, 125) << rule;
    EXPECT_EQ(result.output, "") << rule;
    EXPECT_NE(result.errors.find(rule), std::string::npos) << result.Describe();
  }
  Outcomes inside = Inside(Listed({"198.51.100.0/24", "2001:db8::/32", "good.test:80"}), R"(
do('in', get, '198.51.100.7')
do('out', get, '198.51.101.7')
if os.path.exists('/proc/net/if_inet6'):
  do('in six', get, '2001:db8:1::7', 80, '[2001:db8:1::7]')
  do('out six', get, '2001:db9::7', 80, '[2001:db9::7]')
do('good', get, 'good.test'))");
  EXPECT_EQ(inside["in"], "200 reached 198.51.100.7");
  EXPECT_EQ(inside["out"], "403 denied");
  if (HasIpv6()) {
    EXPECT_EQ(inside["in six"], "200 reached 2001:db8:1::7");
  }
  if (HasIpv6()) {
    EXPECT_EQ(inside["out six"], "403 denied");
  }
  EXPECT_EQ(inside["good"], kReachedAllowed);
}

LEASH_EVERY_USER(NetworkRows);

}  // namespace
}  // namespace leash::guarantees
