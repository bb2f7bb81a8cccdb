# Runs a server, and ends it when the process that asked for it is gone.
#
# usage: guard SIGNAL FOLDER SERVER [ARGUMENT...]
#
# Prints the server's process id. Standard input is the lifeline: whoever started this script holds
# the other end and never writes, so that reading ends when that process does. Then the server gets
# SIGNAL until it is gone, and its FOLDER is removed. A server that ends by itself leaves the folder.
signal=$1
folder=$2
shift 2

# The server must not hold the lifeline, or it would keep itself from ending.
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
server=$!

(
    read -r nothing <&3
    : >"$folder/abandoned"
    # A server that has just been forked does not listen to the signal yet, and one that hangs
    # never does: after ten seconds it is killed.
    rounds=100
    while kill -s "$signal" "$server"; do
        sleep 0.1
        rounds=$((rounds - 1))
        if [ "$rounds" -eq 0 ]; then
            signal=KILL
        fi
    done
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-

echo "$server"
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
if [ -e "$folder/abandoned" ]; then
    rm -rf -- "$folder"
fi
exit "$status"
