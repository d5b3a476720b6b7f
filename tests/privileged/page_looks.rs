//! The page for every eye and hand: narrow, dark, with less motion, by keyboard, and with names that are an attack.

use netmon_model::fixtures;
use netmon_tests::{
    agent::ADDRESS,
    browser::{self, Appearance, Browser},
    made_up::MadeUp,
    sandbox::sandbox,
    skip::skip,
};
use serde_json::json;

const ATTACK: &str = "<img src=x onerror=alert(1)>";

fn open(browser: &mut Browser, hash: &str) {
    browser.open("about:blank");
    browser.open(&format!("http://{ADDRESS}/{hash}"));
    browser.eventually("figures", "return document.querySelector('#sums').textContent.includes('bit/s')");
}

#[test]
fn axe_finds_nothing_in_any_view_or_colour() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(6);
        let mut browser = Browser::start(Appearance::WIDE);
        let link = "root:veth1--netns1:eth0";
        for appearance in
            [Appearance::WIDE, Appearance { dark: true, ..Appearance::WIDE }, Appearance::NARROW]
        {
            browser.appear(appearance);
            for hash in [
                String::new(),
                "#view=table".to_owned(),
                format!("#link={link}"),
                "#namespace=root".to_owned(),
            ] {
                open(&mut browser, &hash);
                if hash.contains("link=") {
                    browser
                        .eventually("details", "return document.querySelectorAll('#panel table').length > 2");
                }
                assert_eq!(browser.accessibility(), [""; 0], "{appearance:?} {hash}");
            }
        }
        assert_eq!(browser.console(), [""; 0]);
    });
}

#[test]
fn a_narrow_screen_begins_with_the_table_and_nothing_overflows() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(20);
        let mut browser = Browser::start(Appearance::NARROW);
        for hash in ["", "#view=picture", "#link=root:veth1--netns1:eth0"] {
            open(&mut browser, hash);
            let width = browser.run("return document.documentElement.scrollWidth");
            assert_eq!(width, json!(390), "{hash}");
        }
        open(&mut browser, "");
        assert_eq!(browser.run("return document.querySelectorAll('#table tbody tr').length"), json!(20));
        assert_eq!(browser.text("#stage"), None);
        browser.click("#table tbody tr button");
        browser.eventually(
            "a panel",
            "return document.querySelector('#panel').getClientRects()[0]?.width === 390",
        );
    });
}

#[test]
fn nothing_moves_for_people_who_ask_for_less_motion() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(6);
        let mut browser = Browser::start(Appearance::WIDE);
        let moving = "return document.getAnimations().filter((one) => one.playState === 'running').length";
        open(&mut browser, "");
        browser.eventually("movement", &format!("{moving} > 0"));
        browser.appear(Appearance { reduced_motion: true, ..Appearance::WIDE });
        open(&mut browser, "");
        browser.eventually("figures", "return document.querySelector('.line.animated') !== null");
        assert_eq!(browser.run(moving), json!(0));
    });
}

#[test]
fn colours_follow_the_system_until_one_is_chosen() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(2);
        let mut browser = Browser::start(Appearance { dark: true, ..Appearance::WIDE });
        open(&mut browser, "");
        let theme = "return document.documentElement.dataset.theme";
        assert_eq!(browser.run(theme), json!("dark"));
        browser.click("#theme");
        assert_eq!(browser.run(theme), json!("light"));
        open(&mut browser, "");
        assert_eq!(browser.run(theme), json!("light"));
    });
}

#[test]
fn the_keyboard_walks_opens_closes_and_searches() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(1);
        let mut browser = Browser::start(Appearance::WIDE);
        open(&mut browser, "");
        let focused = "const { dataset } = document.activeElement; return dataset.namespace ?? dataset.link ?? document.activeElement.id";
        browser.run("document.querySelector('.box[data-namespace=netns0]').focus()");
        let towards_root = browser.run(
            "const x = (name) => document.querySelector(`.box[data-namespace=${name}]`).getBoundingClientRect().x;
             return x('root') > x('netns0') ? '\\ue014' : '\\ue012'",
        );
        let arrow = towards_root.as_str().expect("a key");
        browser.press(arrow);
        assert_eq!(browser.run(focused), json!("root:veth0--netns0:eth0"));
        browser.press(arrow);
        assert_eq!(browser.run(focused), json!("root"));
        browser.press("\u{e007}");
        assert_eq!(browser.text("#panel h2").as_deref(), Some("root"));
        browser.press("\u{e00c}");
        assert_eq!(browser.text("#panel"), None);
        assert_eq!(browser.run(focused), json!("root"), "back where it was");
        browser.press("/");
        assert_eq!(browser.run(focused), json!("query"));
        browser.press("netns0");
        browser.eventually(
            "the rest dimmed",
            "return document.querySelector('.box.dim[data-namespace=root]') !== null",
        );
        browser.press("\u{e00c}t");
        assert_eq!(browser.run("return document.querySelector('#table').hidden"), json!(false));
    });
}

#[test]
fn a_dragged_box_stays_after_a_reload_until_tidy() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(4);
        let mut browser = Browser::start(Appearance::WIDE);
        open(&mut browser, "");
        let place = "return document.querySelector('.box[data-namespace=netns2]').getAttribute('transform')";
        let first = browser.run(place);
        let at = browser.run(
            "const box = document.querySelector('.box[data-namespace=netns2] .card').getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2]",
        );
        let [x, y] = [0, 1].map(|axis| at[axis].as_f64().expect("a number"));
        for (kind, dx) in
            [("mousePressed", 0.0), ("mouseMoved", 40.0), ("mouseMoved", 90.0), ("mouseReleased", 90.0)]
        {
            let event = json!({"type": kind, "x": x + dx, "y": y + dx / 2.0, "button": "left", "buttons": 1, "clickCount": 1});
            browser.devtools("Input.dispatchMouseEvent", &event);
        }
        browser.eventually("a moved box", &format!("{place} !== {first}"));
        let dragged = browser.run(place);
        assert_eq!(browser.text("#panel"), None, "a drag is no click");
        open(&mut browser, "");
        let rounded = |value: &serde_json::Value| {
            value.as_str().expect("a place").replace(".0", "").split('.').next().map(str::to_owned)
        };
        let kept = browser.run(place);
        assert_eq!(rounded(&kept), rounded(&dragged));
        browser.click("#tidy");
        assert_eq!(browser.run(place), first);
    });
}

#[test]
fn a_name_from_outside_stays_text_everywhere() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let mut lab = fixtures::star(3);
        // Names of namespaces have no white space, so no attributes either; services, probes and errors may have both.
        lab.links[0].b.as_mut().unwrap().namespace = "<img>".parse().unwrap();
        lab.labs[0].file = ATTACK.to_owned();
        lab.labs[0].namespaces[0].namespace = "<img>".parse().unwrap();
        lab.labs[0].namespaces[0].services = vec![ATTACK.to_owned()];
        lab.probes[1].from = "<img>".parse().unwrap();
        lab.probes[1].name = ATTACK.to_owned();
        lab.probes[1].error = Some(ATTACK.to_owned());
        let _lab = MadeUp::of(lab);
        let mut browser = Browser::start(Appearance::WIDE);
        for hash in [
            "",
            "#view=table",
            "#view=table&tab=probes",
            "#namespace=%3Cimg%3E",
            "#link=root:veth0--netns0:eth0&q=img",
        ] {
            open(&mut browser, hash);
            browser.eventually("the name as text", "return document.body.textContent.includes('<img')");
            let made = "return document.querySelectorAll('img, image, [onerror]').length";
            assert_eq!(browser.run(made), json!(0), "{hash}");
        }
        assert_eq!(browser.console(), [""; 0]);
    });
}
