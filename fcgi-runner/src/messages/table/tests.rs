//! Numbers never change, and every text can be read at three in the morning.

use std::collections::BTreeSet;

use super::{Code, all};

/// Every number that was ever given out. A line here is a promise: none is changed or deleted, new ones are added.
const NUMBERS: &[(&str, Code)] = &[
    ("FR001", Code::UNKNOWN_OPTION),
    ("FR002", Code::UNKNOWN_WORD),
    ("FR003", Code::MISSING_VALUE),
    ("FR004", Code::BAD_VALUE),
    ("FR005", Code::PROTOCOL),
    ("FR006", Code::TWO_ADDRESSES),
    ("FR007", Code::HALF_ADDRESS),
    ("FR008", Code::SOCKET_PATH),
    ("FR009", Code::CONFIG_READ),
    ("FR010", Code::CONFIG_SYNTAX),
    ("FR011", Code::CONFIG_TWICE),
    ("FR012", Code::CONFIG_TYPE),
    ("FR013", Code::CONFIG_NESTED),
    ("FR014", Code::START_DIRECTORY),
    ("FR015", Code::COMMAND_LINE),
    ("FR016", Code::NO_ADDRESS),
    ("FR017", Code::NO_APPLICATION),
    ("FR018", Code::NO_RESPONDER),
    ("FR019", Code::WORKDIR),
    ("FR020", Code::OTHER_VIRTUALENV),
    ("FR021", Code::UNKNOWN_CODE),
    ("FR040", Code::ADDRESS_IN_USE),
    ("FR041", Code::NOT_A_SOCKET),
    ("FR042", Code::HOST_UNKNOWN),
    ("FR043", Code::NOT_LISTENING),
    ("FR044", Code::LISTEN_DENIED),
    ("FR045", Code::LISTEN_NO_FOLDER),
    ("FR046", Code::LISTEN_NOT_HERE),
    ("FR047", Code::LISTEN_SYSTEM),
    ("FR048", Code::PRIVATE_FOLDER),
    ("FR049", Code::PIDFILE_ALIVE),
    ("FR050", Code::PIDFILE_SYSTEM),
    ("FR051", Code::LOG_FILE),
    ("FR052", Code::BACKGROUND),
    ("FR053", Code::ENDED_EARLY),
    ("FR054", Code::SYSTEM_REFUSES),
    ("FR055", Code::LOG_REOPEN),
    ("FR056", Code::NOT_A_PIDFILE),
    ("FR100", Code::IMPORT_RAISED),
    ("FR101", Code::MODULE_NOT_FOUND),
    ("FR102", Code::PACKAGE_MISSING),
    ("FR103", Code::SYNTAX_ERROR),
    ("FR104", Code::ATTRIBUTE_MISSING),
    ("FR105", Code::NOT_CALLABLE),
    ("FR106", Code::NO_USUAL_CALLABLE),
    ("FR107", Code::MODULE_HIDDEN),
    ("FR108", Code::DJANGO_SETTINGS),
    ("FR109", Code::INTERPRETER),
    ("FR110", Code::INTERPRETER_BROKEN),
    ("FR111", Code::PRELOAD_THREADS),
    ("FR112", Code::IMPORT_EXIT),
    ("FR113", Code::NOT_GIVEN),
    ("FR140", Code::WORKER_START),
    ("FR141", Code::FIRST_WORKER_DIED),
    ("FR142", Code::WORKER_DIED),
    ("FR143", Code::WORKERS_DIE_FAST),
    ("FR144", Code::FRONT_DIED),
    ("FR145", Code::CANNOT_GO_ON),
    ("FR146", Code::RELOAD_GIVEN_UP),
    ("FR147", Code::NEW_WORKER_FAILED),
    ("FR148", Code::ACCEPT_FAILED),
    ("FR149", Code::CONNECTIONS_FULL),
    ("FR150", Code::THREAD_START),
    ("FR200", Code::APPLICATION_RAISED),
    ("FR201", Code::ANSWER_BROKEN),
    ("FR202", Code::APPLICATION_EXIT),
    ("FR203", Code::SERVER_BUG),
    ("FR204", Code::NOT_IMPORTED),
    ("FR210", Code::QUEUE_TIMEOUT),
    ("FR211", Code::OVERLOAD),
    ("FR212", Code::NO_ROOM),
    ("FR220", Code::BODY_TOO_LARGE),
    ("FR221", Code::HEADERS_TOO_LARGE),
    ("FR222", Code::BODY_TIMEOUT),
    ("FR223", Code::BAD_LENGTH),
    ("FR224", Code::BAD_PARAMS),
    ("FR225", Code::BODY_SHORT),
    ("FR226", Code::GIVEN_UP),
    ("FR227", Code::PROTOCOL_ERROR),
    ("FR228", Code::ANSWER_NOT_READ),
    ("FR229", Code::HEAD_TIMEOUT),
    ("FR300", Code::FRONT_UNREACHABLE),
    ("FR301", Code::FRONT_BUSY),
    ("FR302", Code::FRONT_LOST),
    ("FR303", Code::FRONT_REFUSED),
    ("FR304", Code::FRONT_NO_ANSWER),
    ("FR305", Code::FRONT_BAD_ANSWER),
    ("FR306", Code::FRONT_NOT_FASTCGI),
    ("FR307", Code::FRONT_CUT),
    ("FR308", Code::STATIC_UNREADABLE),
    ("FR320", Code::NO_WEB_ACCESS),
    ("FR321", Code::PRIVATE_TMP),
    ("FR322", Code::OPEN_FILES),
    ("FR323", Code::PROCESS_LIMIT),
    ("FR324", Code::MEMORY),
    ("FR325", Code::DJANGO_DEBUG),
    ("FR326", Code::DJANGO_HOSTS),
    ("FR327", Code::DJANGO_STATIC),
    ("FR328", Code::DOUBTFUL_OPTION),
    ("FR329", Code::NO_ERRLOG),
    ("FR330", Code::IMPORT_SLOW),
    ("FR331", Code::MANY_WORKERS),
    ("FR332", Code::USER_MAY_NOT_READ),
    ("FR333", Code::USER_MAY_NOT_WRITE),
    ("FR350", Code::RELOAD_WITHOUT_MASTER),
    ("FR400", Code::NOT_WATCHED),
    ("FR401", Code::HELPER_THREAD),
    ("FR402", Code::NOT_NOW),
    ("FR403", Code::NURSERY_DIED),
    ("FR404", Code::CONTROL_CONNECTION),
    ("FR405", Code::QUEUE_UNSEEN),
    ("FR406", Code::MASTER_GONE),
    ("FR407", Code::FILE_CHANGED),
    ("FR408", Code::APPLICATION_HOOK),
    ("FR409", Code::ENVIRONMENT),
    ("FR410", Code::ANSWER_TOO_LONG),
    ("FR411", Code::SOCKET_STAYS),
    ("FR412", Code::STATIC_NO_FOLDER),
    ("FR413", Code::PREVIEW_CUT),
    ("FR414", Code::NOT_HANDED_OVER),
    ("FR415", Code::DEAF_PEER),
    ("FR420", Code::PROBE_FAILED),
    ("FR421", Code::NOT_READY_IN_TIME),
    ("FR422", Code::UPGRADE_GIVEN_UP),
    ("FR423", Code::RENEWAL_GIVEN_UP),
    ("FR424", Code::RENEWED_BY_FORCE),
    ("FR460", Code::REQUEST_TIMEOUT),
    ("FR461", Code::REQUEST_STUCK),
    ("FR462", Code::INTERPRETER_HELD),
    ("FR480", Code::STATUS_DIED),
    ("FR500", Code::NO_SERVER),
    ("FR501", Code::SEVERAL_SERVERS),
    ("FR502", Code::MAY_NOT_CONTROL),
    ("FR503", Code::NO_CONTROL_SOCKET),
    ("FR504", Code::CONTROL_USAGE),
    ("FR505", Code::CONTROL_SILENT),
    ("FR506", Code::CONTROL_REFUSED),
    ("FR507", Code::SERVER_ELSEWHERE),
    ("FR520", Code::UNKNOWN_USER),
    ("FR521", Code::UNKNOWN_GROUP),
    ("FR522", Code::GROUP_NEEDED),
    ("FR523", Code::NEEDS_ROOT),
    ("FR524", Code::LIMIT_TOO_HIGH),
    ("FR525", Code::NEW_ROOT),
    ("FR526", Code::RIGHTS),
    ("FR527", Code::RUNS_AS_ROOT),
    ("FR528", Code::NOT_ONE_OF_OURS),
    ("FR529", Code::PIDFILE_STAYS),
    ("FR530", Code::OPEN_TO_ALL),
    ("FR531", Code::CLIENTS_OF_OTHER_KIND),
    ("FR532", Code::CLIENT_REFUSED),
    ("FR533", Code::WEB_SERVER_ADDRS),
    ("FR560", Code::LOG_FORMAT),
    ("FR561", Code::LOG_SERVICE),
    ("FR562", Code::NOBODY_CAPTURES),
    ("FR580", Code::SITE_NAME),
    ("FR581", Code::UNKNOWN_SITE),
    ("FR582", Code::NOT_COMMON),
    ("FR583", Code::SITE_ADDRESS),
    ("FR584", Code::SITES_COLLIDE),
    ("FR585", Code::SITE_FAILED),
    ("FR586", Code::SITES_RELOAD),
    ("FR587", Code::SITES_PROGRAM),
];

#[test]
fn numbers_never_change() {
    for (number, code) in NUMBERS {
        assert_eq!(code.to_string(), *number);
    }
    let there: Vec<_> = all().map(|message| message.code).collect();
    assert_eq!(there, NUMBERS.iter().map(|(_, code)| *code).collect::<Vec<_>>());
}

#[test]
fn numbers_are_in_order_and_unique() {
    let codes: Vec<_> = all().map(|message| message.code).collect();
    assert!(codes.is_sorted());
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
}

#[test]
fn lines_are_short_and_sentences_whole() {
    for message in all() {
        let code = message.code;
        for line in [message.cause, message.cure] {
            assert!(line.len() >= 20 && line.len() <= 110, "{code}: {line}");
            assert!(!line.ends_with(['.', '!', '?']) && !line.contains('\n'), "{code}: {line}");
        }
        for text in [message.happened, message.look, message.act] {
            assert!(text.len() >= 10 && text.ends_with(['.', ':', ';', '"', ')']), "{code}: {text}");
            assert!(text.starts_with(|first: char| !first.is_whitespace()), "{code}: {text}");
        }
        assert!(
            message.example.len() <= 78 && !message.example.contains('\n'),
            "{code}: {}",
            message.example
        );
    }
}

#[test]
fn nothing_is_marked_up() {
    for message in all() {
        for text in [message.cause, message.cure, message.happened, message.look, message.act] {
            assert!(!text.contains('`') && !text.contains("**") && !text.contains('\t'), "{text}");
        }
    }
}
