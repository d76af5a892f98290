#!/usr/bin/env bash
# Run a command on a SLURM of this machine: slurm.sh COMMAND [ARGUMENT ...]
# Controller, node and munge live in namespaces of their own, without a way out, and their files in
# a file system of memory, which stands for /etc/slurm there alone: nothing of it outlasts the command,
# however that ends.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"

refuse() { # what was expected, what came, what to do
    printf 'expected %s\n     got %s\n  remedy %s\n' "$1" "$2" "$3" >&2
    exit 2
}

if [[ $1 != --inside ]]; then
    missing=()
    for program in slurmctld slurmd sbatch munged unshare setpriv ip; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    ((${#missing[@]} == 0)) || refuse "SLURM, munge and tools of Linux" "no ${missing[*]}" \
        "Debian and Ubuntu: apt-get install slurmctld slurmd slurm-client munge util-linux iproute2"
    ((EUID == 0)) || refuse "to be root, as the daemons of a cluster are" "user $(id -un)" \
        "sudo make test-cluster, or run it in a container"
    [[ -d /etc/slurm ]] || refuse "a folder /etc/slurm, where Debian's SLURM looks" "none" \
        "make one: it stays empty"
    folder=$(mktemp --directory)
    trap 'rmdir "$folder"' EXIT
    setpriv --pdeathsig KILL \
        unshare --mount --net --uts --pid --fork --kill-child --mount-proc \
        "$BASH" "${BASH_SOURCE[0]}" --inside "$folder" "$@"
    exit
fi

folder=$2
shift 2
mount -t tmpfs -o mode=755 tmpfs "$folder"
# A variable, SLURM_CONF, would not do: the plugin for Snakemake keeps it from its jobs.
mount --bind "$folder" /etc/slurm

# Names are looked up for addresses beside loopback's alone.
address=10.255.255.1
hostname node
printf '127.0.0.1 localhost\n%s node\n' "$address" >"$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts
ip link set lo up
ip address add "$address/32" dev lo

cat >"$folder/slurm.conf" <<END
ClusterName=test
SlurmctldHost=node($address)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
# Jobs are told of long after they have ended.
MinJobAge=86400
AccountingStorageType=accounting_storage/none
# A job that takes more memory than it asked for is killed within seconds.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
# Cores and memory are what is said here, whatever there is.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=node NodeAddr=$address CPUs=4 RealMemory=20000 Gres=gpu:1
PartitionName=cpu Nodes=node Default=YES MaxTime=7-0
PartitionName=gpu Nodes=node MaxTime=7-0
END
# No GPU has to be here: a file stands for one.
touch "$folder/gpu0"
echo "NodeName=node Name=gpu File=$folder/gpu0" >"$folder/gres.conf"
printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$folder/cgroup.conf"

mkdir "$folder/state" "$folder/spool"
head --bytes=1024 /dev/urandom >"$folder/munge.key"
chmod 400 "$folder/munge.key"
munged --key-file="$folder/munge.key" --socket="$folder/munge" --pid-file="$folder/munge.pid" \
    --log-file="$folder/munge.log" --seed-file="$folder/munge.seed"
slurmctld
slurmd -N node

code=0
for ((waited = 0; ; waited++)); do
    [[ $(sinfo --noheader --format=%T 2>/dev/null | sort --unique) == idle ]] && break
    if ((waited == 120)); then
        tail --lines=20 "$folder"/*.log >&2
        refuse "a node that is idle" "$(sinfo 2>&1)" "see the logs above"
    fi
    sleep 0.5
done
"$@" || code=$?
exit "$code"
