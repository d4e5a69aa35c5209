#include "core/home_paths.h"

#include <iterator>

namespace leash::core {
namespace {

#define HOME &SecurityConfig::protect_user_home, "protect_user_home"
#define CREDENTIALS &SecurityConfig::protect_credentials, "protect_credentials"
#define CLOUD &SecurityConfig::protect_cloud_config, "protect_cloud_config"
#define BROWSER &SecurityConfig::protect_browser_data, "protect_browser_data"
#define KEYCHAIN &SecurityConfig::protect_keychain, "protect_keychain"
#define HISTORY &SecurityConfig::protect_shell_history, "protect_shell_history"
#define PACKAGES &SecurityConfig::protect_package_credentials, "protect_package_credentials"

constexpr ProtectedPath kProtections[] = {
    {HOME, "~"},

    {CREDENTIALS, "~/.ssh"},
    {CREDENTIALS, "~/.gnupg"},
    {CREDENTIALS, "~/.password-store"},
    {CREDENTIALS, "~/.git-credentials"},
    {CREDENTIALS, "~/.config/git/credentials"},
    {CREDENTIALS, "~/.config/gh"},
    {CREDENTIALS, "~/.config/glab-cli"},
    {CREDENTIALS, "~/.config/hub"},
    {CREDENTIALS, "~/.config/op"},
    {CREDENTIALS, "~/.config/sops"},
    {CREDENTIALS, "~/.age"},
    {CREDENTIALS, "~/.vault-token"},
    {CREDENTIALS, "~/.claude"},
    {CREDENTIALS, "~/.claude.json"},
    {CREDENTIALS, "~/.codex"},
    {CREDENTIALS, "~/.gemini"},
    {CREDENTIALS, "~/.qwen"},
    {CREDENTIALS, "~/.local/share/opencode"},
    {CREDENTIALS, "~/.pgpass"},
    {CREDENTIALS, "~/.my.cnf"},
    {CREDENTIALS, "~/.msmtprc"},

    {CLOUD, "~/.aws"},
    {CLOUD, "~/.azure"},
    {CLOUD, "~/.kube"},
    {CLOUD, "~/.docker"},
    {CLOUD, "~/.gcloud"},
    {CLOUD, "~/.config/gcloud"},
    {CLOUD, "~/.config/containers"},
    {CLOUD, "~/.config/doctl"},
    {CLOUD, "~/.config/heroku"},
    {CLOUD, "~/.config/fly"},
    {CLOUD, "~/.fly"},
    {CLOUD, "~/.oci"},
    {CLOUD, "~/.terraform.d"},
    {CLOUD, "~/.terraformrc"},
    {CLOUD, "~/.config/rclone"},
    {CLOUD, "~/.s3cfg"},

    {BROWSER, "~/.mozilla"},
    {BROWSER, "~/.thunderbird"},

    {KEYCHAIN, "~/.pki"},
    {KEYCHAIN, "~/.config/keepassxc"},

    {HISTORY, "~/.bash_history"},
    {HISTORY, "~/.zsh_history"},
    {HISTORY, "~/.histfile"},
    {HISTORY, "~/.sh_history"},
    {HISTORY, "~/.ash_history"},
    {HISTORY, "~/.fish_history"},
    {HISTORY, "~/.local/share/fish/fish_history"},
    {HISTORY, "~/.local/state/bash/history"},
    {HISTORY, "~/.python_history"},
    {HISTORY, "~/.node_repl_history"},
    {HISTORY, "~/.irb_history"},
    {HISTORY, "~/.psql_history"},
    {HISTORY, "~/.mysql_history"},
    {HISTORY, "~/.sqlite_history"},
    {HISTORY, "~/.rediscli_history"},
    {HISTORY, "~/.lesshst"},
    {HISTORY, "~/.viminfo"},

    {PACKAGES, "~/.netrc"},
    {PACKAGES, "~/.npmrc"},
    {PACKAGES, "~/.yarnrc"},
    {PACKAGES, "~/.yarnrc.yml"},
    {PACKAGES, "~/.pypirc"},
    {PACKAGES, "~/.config/pip"},
    {PACKAGES, "~/.pip"},
    {PACKAGES, "~/.condarc"},
    {PACKAGES, "~/.cargo/credentials"},
    {PACKAGES, "~/.cargo/credentials.toml"},
    {PACKAGES, "~/.gem/credentials"},
    {PACKAGES, "~/.bundle"},
    {PACKAGES, "~/.m2/settings.xml"},
    {PACKAGES, "~/.m2/settings-security.xml"},
    {PACKAGES, "~/.gradle/gradle.properties"},
    {PACKAGES, "~/.config/composer"},
    {PACKAGES, "~/.composer/auth.json"},
    {PACKAGES, "~/.nuget/NuGet"},
};

#undef HOME
#undef CREDENTIALS
#undef CLOUD
#undef BROWSER
#undef KEYCHAIN
#undef HISTORY
#undef PACKAGES

// What a user's own tools run or trust, and who writes to it seldom: a later `git commit`, a new shell, an editor that
// opens the project, an agent that is started in it.
constexpr GuardedName kGuarded[] = {
    {".git/hooks", "run by git"},
    {".git/config", "names programs that git runs"},
    {".git/config.worktree", "names programs that git runs"},
    {".git/info/attributes", "chooses filters that git runs"},
    {".git/objects/info/alternates", "objects from elsewhere"},
    {".gitmodules", "where git fetches from"},
    {".bashrc", "shell start-up"},
    {".bash_profile", "shell start-up"},
    {".bash_login", "shell start-up"},
    {".bash_logout", "shell start-up"},
    {".profile", "shell start-up"},
    {".zshrc", "shell start-up"},
    {".zshenv", "shell start-up"},
    {".zprofile", "shell start-up"},
    {".zlogin", "shell start-up"},
    {".config/fish", "shell start-up"},
    {".envrc", "run by direnv"},
    {".vimrc", "editor start-up"},
    {".exrc", "editor start-up"},
    {".nvim.lua", "editor start-up"},
    {".nvimrc", "editor start-up"},
    {".dir-locals.el", "editor settings that may run code"},
    {".vscode", "editor tasks and settings"},
    {".idea", "editor tasks and settings"},
    {".zed", "editor tasks and settings"},
    {".claude", "agent settings"},
    {".codex", "agent settings"},
    {".cursor", "agent settings"},
    {".gemini", "agent settings"},
    {".qwen", "agent settings"},
    {".opencode", "agent settings"},
    {".mcp.json", "programs that agents start"},
    {".leash*", "settings of leash"},
    {".leash.toml", "settings of leash"},
    {"leash.toml", "settings of leash"},
};

}  // namespace

std::vector<ProtectedPath> WithHomeProtections(std::span<const ProtectedPath> own) {
  std::vector<ProtectedPath> all(std::begin(kProtections), std::end(kProtections));
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

std::span<const GuardedName> GuardedNames() { return kGuarded; }

}  // namespace leash::core
