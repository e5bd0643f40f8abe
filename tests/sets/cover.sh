# shellcheck shell=bash disable=SC2154
# lines and branches that the C and SQL tests reach, by room
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps

# Sums gcov's figures for the .gcda files of a folder of src/.
figure() {
    local folder=$1
    find build/cover -path "*src/$folder/*.gcda" -print0 |
        xargs -0 -r -n 32 gcov -b -n 2>/dev/null |
        awk -v folder="$folder" '
            /^(Calls executed|No calls)/ { ours = 0 } # a sum follows the last file
            /^File / { ours = index($0, "src/" folder "/") > 0 && !($2 in seen); seen[$2] = 1 }
            ours && /^Lines executed:/ { split($0, p, /[:% ]+/); lines += $NF; hit += p[3] * $NF / 100 }
            ours && /^Taken at least once:/ { split($0, p, /[:% ]+/); branches += $NF; taken += p[5] * $NF / 100 }
            END {
                if (lines == 0) { print "no figures"; exit 1 }
                printf "%5.1f %% of %d lines, %5.1f %% of %d branches\n", 100 * hit / lines, lines,
                    branches ? 100 * taken / branches : 100, branches
            }'
}

build cover
find build/cover -name '*.gcda' -delete
c_tests cover '^(unit|contract|sim|fuzz)\.'
folder_tests sql cover
for folder in base batch kernel sql codec source state op engine http checkpoint store sink/mysql; do
    line=$(figure "$folder")
    printf '# coverage of %-12s %s\n' "$folder" "$line"
    case $folder in
    checkpoint | store | sink/mysql) if [[ $line == *%* ]]; then good "cover.$folder"; else bad "cover.$folder"; fi ;;
    esac
done
